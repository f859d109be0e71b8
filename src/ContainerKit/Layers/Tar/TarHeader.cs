namespace ContainerKit;

/// <summary>A header: one block of an archive, at fixed places what a member is.</summary>
internal sealed class TarHeader
{
    /// <summary>The unit of an archive: headers are as long, content is padded to it.</summary>
    public const int BlockSize = 512;

    private readonly byte[] _path = new byte[256];

    /// <summary>The bytes.</summary>
    public byte[] Block { get; } = new byte[BlockSize];

    /// <summary>What the header is of: the "typeflag".</summary>
    public byte Type => Block[156];

    /// <summary>Whether it is no header, but one of the two blocks that end an archive.</summary>
    public bool IsZero => !Block.AsSpan().ContainsAnyExcept((byte)0);

    /// <summary>The layout of what follows the fields that all have; null when implementations disagree.</summary>
    public TarFormat? Format => Field(TarField.Magic) switch
    {
        [(byte)'u', (byte)'s', (byte)'t', (byte)'a', (byte)'r', 0, (byte)'0', (byte)'0'] => TarFormat.Ustar,
        [(byte)'u', (byte)'s', (byte)'t', (byte)'a', (byte)'r', (byte)' ', (byte)' ', 0] => TarFormat.Gnu,
        [(byte)'u', (byte)'s', (byte)'t', (byte)'a', (byte)'r', ..] => null,
        _ => TarFormat.V7,
    };

    /// <summary>The bytes of a field.</summary>
    public ReadOnlySpan<byte> Field(TarField field) => Block.AsSpan(field.Offset, field.Length);

    /// <summary>Whether the checksum is right. Old implementations summed signed bytes.</summary>
    public bool HasRightChecksum()
    {
        var (unsigned, negative) = ((long)' ' * TarField.Checksum.Length, 0L);
        for (var i = 0; i < BlockSize; i++)
        {
            if (i == TarField.Checksum.Offset)
            {
                i += TarField.Checksum.Length; // it counts as blanks
            }

            unsigned += Block[i];
            negative += Block[i] >> 7;
        }

        return TarNumber.TryParseField(Field(TarField.Checksum), out var stated)
            && (stated == unsigned || stated == unsigned - (256 * negative));
    }

    /// <summary>The name that the header itself has room for; it holds until another block is read.</summary>
    public ReadOnlyMemory<byte> ReadPath()
    {
        var name = Text(TarField.Path);
        var prefix = Format is TarFormat.Ustar ? Text(TarField.Prefix) : default;
        if (prefix.Length == 0)
        {
            return name;
        }

        prefix.CopyTo(_path);
        _path[prefix.Length] = (byte)'/';
        name.CopyTo(_path.AsMemory(prefix.Length + 1));
        return _path.AsMemory(0, prefix.Length + 1 + name.Length);
    }

    /// <summary>A field that is text, up to its first NUL; it holds until another block is read.</summary>
    public ReadOnlyMemory<byte> Text(TarField field)
    {
        var length = Field(field).IndexOf((byte)0);
        return Block.AsMemory(field.Offset, length < 0 ? field.Length : length);
    }
}

/// <summary>Who laid out a header.</summary>
internal enum TarFormat
{
    V7,
    Ustar,
    Gnu,
}

/// <summary>Where a field is.</summary>
internal readonly record struct TarField(string Name, int Offset, int Length)
{
    public static readonly TarField
        Path = new("name", 0, 100),
        Mode = new("mode", 100, 8),
        User = new("uid", 108, 8),
        Group = new("gid", 116, 8),
        Size = new("size", 124, 12),
        ModifiedAt = new("mtime", 136, 12),
        Checksum = new("chksum", 148, 8),
        Type = new("typeflag", 156, 1),
        LinkTarget = new("linkname", 157, 100),
        Magic = new("magic", 257, 8),
        DeviceMajor = new("devmajor", 329, 8),
        DeviceMinor = new("devminor", 337, 8),
        Prefix = new("prefix", 345, 155),
        StarTrailer = new("prefix", 508, 4);

    /// <summary>GNU has these where ustar has the rest of a long name.</summary>
    public static readonly TarField
        AccessedAt = new("atime", 345, 12),
        ChangedAt = new("ctime", 357, 12),
        RealSize = new("realsize", 483, 12);
}
