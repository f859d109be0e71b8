using System.Globalization;
using System.Text;

namespace ContainerKit.Tests.Layers;

/// <summary>Makes archives byte by byte, right ones and wrong ones, without the code under test.</summary>
internal sealed class TarForge
{
    private const int BlockSize = 512;

    private readonly List<byte> _bytes = [];

    public static byte[] Latin(string text) => Encoding.Latin1.GetBytes(text);

    /// <summary>A header of ustar with a right checksum, after <paramref name="change"/> had its way.</summary>
    public TarForge Header(string name, char type = '0', long size = 0, string magic = "ustar\000", Action<byte[]>? change = null)
    {
        var block = new byte[BlockSize];
        Put(block, 0, name);
        Put(block, 100, "0000644\0");
        Put(block, 108, "0000000\0");
        Put(block, 116, "0000000\0");
        Put(block, 124, Octal(size, 11) + "\0");
        Put(block, 136, "00000000000\0");
        block[156] = (byte)type;
        Put(block, 257, magic);
        change?.Invoke(block);
        Checksum(block);
        _bytes.AddRange(block);
        return this;
    }

    /// <summary>A member with its content.</summary>
    public TarForge Member(string name, string content, char type = '0', string magic = "ustar\000", Action<byte[]>? change = null) =>
        Header(name, type, content.Length, magic, change).Content(content);

    /// <summary>A PAX header of records.</summary>
    public TarForge Pax(params (string Key, string Value)[] records) => Pax('x', records);

    /// <summary>A PAX header for all that follow.</summary>
    public TarForge Global(params (string Key, string Value)[] records) => Pax('g', records);

    /// <summary>A PAX header of these bytes.</summary>
    public TarForge RawPax(string records) => Member("PaxHeader", records, 'x');

    /// <summary>GNU's header for a long name.</summary>
    public TarForge LongName(string name, char type = 'L') => Member("././@LongLink", name + "\0", type, "ustar  \0");

    /// <summary>Content, padded to blocks.</summary>
    public TarForge Content(string content)
    {
        _bytes.AddRange(Latin(content));
        _bytes.AddRange(new byte[-content.Length & (BlockSize - 1)]);
        return this;
    }

    /// <summary>The archive, with the two blocks that end it.</summary>
    public byte[] End() => [.. _bytes, .. new byte[2 * BlockSize]];

    /// <summary>The archive, without an end.</summary>
    public byte[] NoEnd() => [.. _bytes];

    public static string Record(string key, string value)
    {
        var rest = $" {key}={value}\n";
        var length = rest.Length + 1;
        while (length != rest.Length + length.ToString(CultureInfo.InvariantCulture).Length)
        {
            length++;
        }

        return length.ToString(CultureInfo.InvariantCulture) + rest;
    }

    public static void Put(byte[] block, int offset, string text) => Latin(text).CopyTo(block, offset);

    public static string Octal(long value, int digits) => Convert.ToString(value, 8).PadLeft(digits, '0');

    /// <summary>Makes the checksum of a header right.</summary>
    public static void Checksum(Span<byte> block)
    {
        block.Slice(148, 8).Fill((byte)' ');
        var sum = 0;
        foreach (var value in block)
        {
            sum += value;
        }

        Latin(Octal(sum, 6) + "\0 ").CopyTo(block[148..]);
    }

    private TarForge Pax(char type, (string Key, string Value)[] records) =>
        Member("PaxHeader", string.Concat(records.Select(record => Record(record.Key, record.Value))), type);
}
