namespace ContainerKit;

/// <summary>A record of a PAX header: its length in decimal, a blank, the key, "=", the value, and a newline.</summary>
internal readonly record struct PaxRecord(ReadOnlyMemory<byte> Key, ReadOnlyMemory<byte> Value)
{
    /// <summary>
    /// Takes the first record. Only the one spelling that all implementations read alike is one: a length without sign,
    /// blank or leading zero that ends where the newline is, and a key.
    /// </summary>
    public static PaxRecord Take(ref ReadOnlyMemory<byte> records, TarEntry entry)
    {
        const int MostDigits = 10;
        var start = records.Span[..Math.Min(records.Length, MostDigits + 1)];
        var blank = start.IndexOf((byte)' ');
        if (blank <= 0 || start[0] == '0' || !TarNumber.TryParseDecimal(start[..blank], out var length))
        {
            throw entry.Invalid("A PAX record does not begin with its length.", "record", start);
        }

        if (length > records.Length || length <= blank + 1 || records.Span[(int)length - 1] != '\n')
        {
            throw entry.Invalid("A PAX record does not end where its length says.", "record", start);
        }

        var record = records[(blank + 1)..((int)length - 1)];
        records = records[(int)length..];
        var equals = record.Span.IndexOf((byte)'=');
        return equals > 0 && !record.Span[..equals].Contains((byte)0)
            ? new(record[..equals], record[(equals + 1)..])
            : throw entry.Invalid("A PAX record has no key.", "record", record.Span);
    }

    /// <summary>The value as text that is not empty.</summary>
    public ReadOnlyMemory<byte> Text(TarEntry entry) => !Value.IsEmpty && !Value.Span.Contains((byte)0)
        ? Value
        : throw Invalid(entry, "A PAX record holds no text: an empty one, or one with a NUL, is read differently.");

    /// <summary>The value as a number from 0 to <paramref name="most"/>.</summary>
    public long Number(TarEntry entry, long most = long.MaxValue) =>
        TarNumber.TryParseDecimal(Value.Span, out var number) && number <= most
            ? number
            : throw Invalid(entry, $"A PAX record holds no number up to {most}.");

    /// <summary>The value as a time.</summary>
    public (long Seconds, uint Nanoseconds) Time(TarEntry entry) => TarNumber.TryParseTime(Value.Span, out var time)
        ? time
        : throw Invalid(entry, "A PAX record holds no time.");

    /// <summary>Says that the value is wrong.</summary>
    public InvalidImageException Invalid(TarEntry entry, string message) =>
        entry.Invalid(message, TarEntry.Printable(Key.Span), Value.Span);
}
