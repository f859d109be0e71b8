using System.Buffers.Text;

namespace ContainerKit;

/// <summary>What files of cgroups hold, as bytes: words between spaces and newlines, read one after another.</summary>
internal ref struct CgroupText(ReadOnlySpan<byte> text)
{
    private static ReadOnlySpan<byte> Ends => " \n"u8;

    private ReadOnlySpan<byte> _rest = text;

    /// <summary>Takes the next word; no when there is none.</summary>
    public bool Next(out ReadOnlySpan<byte> word)
    {
        _rest = _rest.TrimStart(Ends);
        var end = _rest.IndexOfAny(Ends);
        word = end < 0 ? _rest : _rest[..end];
        _rest = _rest[word.Length..];
        return !word.IsEmpty;
    }

    /// <summary>Takes a key and the number that follows it.</summary>
    public bool Next(out ReadOnlySpan<byte> key, out long value)
    {
        value = 0;
        if (!Next(out key) || !Next(out var number))
        {
            return false;
        }

        value = Number(number);
        return true;
    }

    /// <summary>The number that a text starts with.</summary>
    public static long Number(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out long value, out _) ? value
        : Utf8Parser.TryParse(text, out ulong _, out _) ? long.MaxValue
        : 0;
}
