using System.Globalization;

namespace ContainerKit;

/// <summary>A number of bytes.</summary>
public readonly record struct ByteSize(long Bytes)
{
    /// <summary>So many times 1024 bytes.</summary>
    public static ByteSize KiB(long count) => Shifted(count, 10);

    /// <summary>So many times 1024 KiB.</summary>
    public static ByteSize MiB(long count) => Shifted(count, 20);

    /// <summary>So many times 1024 MiB.</summary>
    public static ByteSize GiB(long count) => Shifted(count, 30);

    /// <summary>Formats the size with the largest unit that divides it: <c>64 MiB</c>, <c>1000 B</c>.</summary>
    public override string ToString()
    {
        string[] units = ["B", "KiB", "MiB", "GiB"];
        var (value, unit) = (Bytes, 0);
        for (; value != 0 && value % 1024 == 0 && unit < units.Length - 1; unit++)
        {
            value /= 1024;
        }

        return string.Create(CultureInfo.InvariantCulture, $"{value} {units[unit]}");
    }

    private static ByteSize Shifted(long count, int bits)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(count, long.MaxValue >> bits);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, long.MinValue >> bits);
        return new(count << bits);
    }
}
