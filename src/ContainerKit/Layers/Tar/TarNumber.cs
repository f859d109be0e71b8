using System.Buffers.Binary;
using System.Buffers.Text;

namespace ContainerKit;

/// <summary>The ways in which an archive writes a number.</summary>
internal static class TarNumber
{
    private const uint NanosecondsPerSecond = 1_000_000_000;

    /// <summary>
    /// Reads a field of a header: octal digits between blanks, or big-endian with the first bit set (GNU's base-256).
    /// An empty field is 0. False for all else: implementations skip, stop at or refuse what is no digit.
    /// </summary>
    public static bool TryParseField(ReadOnlySpan<byte> field, out long value)
    {
        value = 0;
        if ((field[0] & 0x80) != 0)
        {
            return TryParseBinary(field, out value);
        }

        field = field.TrimEnd(" \0"u8).TrimStart((byte)' ');
        foreach (var digit in field)
        {
            if (digit is < (byte)'0' or > (byte)'7')
            {
                return false;
            }

            value = (value << 3) | (uint)(digit - '0'); // 12 digits are 36 bits
        }

        return true;
    }

    /// <summary>Reads decimal digits and nothing else, as PAX writes its numbers.</summary>
    public static bool TryParseDecimal(ReadOnlySpan<byte> text, out long value) =>
        Utf8Parser.TryParse(text, out value, out var used) && used == text.Length && char.IsAsciiDigit((char)text[0]);

    /// <summary>Reads a time as PAX writes it: seconds, negative before 1970, and a fraction of any length.</summary>
    public static bool TryParseTime(ReadOnlySpan<byte> text, out (long Seconds, uint Nanoseconds) time)
    {
        time = default;
        var isNegative = text is [(byte)'-', ..];
        text = isNegative ? text[1..] : text;
        var point = text.IndexOf((byte)'.');
        var fraction = point < 0 ? [] : text[(point + 1)..];
        if (!TryParseDecimal(point < 0 ? text : text[..point], out var seconds)
            || !TryParseFraction(fraction, out var rest))
        {
            return false;
        }

        time = (isNegative, rest) switch
        {
            (false, _) => (seconds, rest),
            (true, 0) => (-seconds, 0),
            _ => (-seconds - 1, NanosecondsPerSecond - rest),
        };
        return true;
    }

    /// <summary>Writes octal digits and a NUL over the whole field; false, and zeros, when it is too small.</summary>
    public static bool TryFormatField(long value, Span<byte> field)
    {
        field[^1] = 0;
        var fits = value >= 0 && value >> (3 * (field.Length - 1)) == 0;
        value = fits ? value : 0;
        for (var i = field.Length - 2; i >= 0; i--, value >>= 3)
        {
            field[i] = (byte)('0' + (value & 7));
        }

        return fits;
    }

    /// <summary>Writes a time as PAX does, with no more digits than it takes; gives how many bytes that are.</summary>
    public static int FormatTime((long Seconds, uint Nanoseconds) time, Span<byte> text)
    {
        var (seconds, nanoseconds) = time;
        var length = 0;
        if (seconds < 0)
        {
            text[length++] = (byte)'-';
            (seconds, nanoseconds) = nanoseconds == 0
                ? (seconds, 0)
                : (seconds + 1, NanosecondsPerSecond - nanoseconds);
        }

        var magnitude = seconds == long.MinValue ? 1UL << 63 : (ulong)Math.Abs(seconds);
        Utf8Formatter.TryFormat(magnitude, text[length..], out var written);
        length += written;
        if (nanoseconds == 0)
        {
            return length;
        }

        text[length++] = (byte)'.';
        Utf8Formatter.TryFormat(nanoseconds, text[length..], out written, new('D', 9));
        return text[..(length + written)].TrimEnd((byte)'0').Length;
    }

    private static bool TryParseBinary(ReadOnlySpan<byte> field, out long value)
    {
        value = BinaryPrimitives.ReadInt64BigEndian(field[^8..]);
        var isNegative = (field[0] & 0x40) != 0;
        var sign = isNegative ? (byte)0xFF : (byte)0;
        if (field.Length == 8)
        {
            // The first bit only says that the number is binary.
            value = isNegative ? value : value & long.MaxValue;
            return true;
        }

        var first = isNegative ? field[0] : (byte)(field[0] & 0x7F);
        return first == sign && !field[1..^8].ContainsAnyExcept(sign) && value < 0 == isNegative;
    }

    private static bool TryParseFraction(ReadOnlySpan<byte> digits, out uint nanoseconds)
    {
        nanoseconds = 0;
        for (var i = 0; i < Math.Max(digits.Length, 9); i++)
        {
            var digit = i < digits.Length ? (uint)(digits[i] - '0') : 0;
            if (digit > 9)
            {
                return false;
            }

            nanoseconds = i < 9 ? (nanoseconds * 10) + digit : nanoseconds;
        }

        return true;
    }
}
