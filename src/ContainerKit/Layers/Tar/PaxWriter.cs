using System.Buffers;
using System.Buffers.Text;

namespace ContainerKit;

/// <summary>Collects the records of a PAX header.</summary>
internal sealed class PaxWriter
{
    private readonly ArrayBufferWriter<byte> _buffer = new();

    /// <summary>The records; they hold until <see cref="Clear"/>.</summary>
    public ReadOnlyMemory<byte> Bytes => _buffer.WrittenMemory;

    /// <summary>Forgets them.</summary>
    public void Clear() => _buffer.ResetWrittenCount();

    /// <summary>Adds a number.</summary>
    public void Add(ReadOnlySpan<byte> key, long value)
    {
        Span<byte> text = stackalloc byte[20];
        Utf8Formatter.TryFormat(value, text, out var length);
        Add(key, text[..length]);
    }

    /// <summary>Adds bytes.</summary>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> value) => Add(key, [], value);

    /// <summary>Adds bytes under a key that is made of two.</summary>
    public void Add(ReadOnlySpan<byte> key, ReadOnlySpan<byte> restOfKey, ReadOnlySpan<byte> value)
    {
        var rest = key.Length + restOfKey.Length + value.Length + " =\n".Length;
        var length = rest + Digits(rest);
        length = rest + Digits(length); // the length counts its own digits, and may need one more for them

        Span<byte> text = stackalloc byte[20];
        Utf8Formatter.TryFormat(length, text, out var digits);
        _buffer.Write(text[..digits]);
        _buffer.Write(" "u8);
        _buffer.Write(key);
        _buffer.Write(restOfKey);
        _buffer.Write("="u8);
        _buffer.Write(value);
        _buffer.Write("\n"u8);
    }

    private static int Digits(int number)
    {
        var digits = 1;
        for (; number >= 10; number /= 10)
        {
            digits++;
        }

        return digits;
    }
}
