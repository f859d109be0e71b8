namespace Versus;

/// <summary>Figures that a few wild values do not move.</summary>
internal static class Statistics
{
    /// <summary>The value in the middle.</summary>
    public static double Median(IEnumerable<double> values) => Percentile(values, 0.5);

    /// <summary>
    /// The value below which a share of them lies, between its neighbours where it falls between two.
    /// </summary>
    public static double Percentile(IEnumerable<double> values, double share)
    {
        var sorted = values.Order().ToArray();
        var place = share * (sorted.Length - 1);
        var below = (int)place;
        return below + 1 < sorted.Length
            ? sorted[below] + (place - below) * (sorted[below + 1] - sorted[below])
            : sorted[below];
    }
}
