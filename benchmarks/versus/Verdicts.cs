using System.Globalization;

namespace Versus;

/// <summary>What must be reached, and whether it was; a run too short to judge by says neither.</summary>
internal sealed class Verdicts(bool judge)
{
    private readonly Table _table = new("must", "measured", "bound", "");

    /// <summary>How many bounds were missed.</summary>
    public int Missed { get; private set; }

    /// <summary>A figure that must not be above the bound.</summary>
    public void AtMost(string what, double value, double bound) =>
        Add(what, value, $"≤ {Exact(bound)}", value <= bound);

    /// <summary>A figure that must not be below the bound.</summary>
    public void AtLeast(string what, double value, double bound) =>
        Add(what, value, $"≥ {Exact(bound)}", value >= bound);

    /// <summary>A figure that could not be taken here: that is not reached either.</summary>
    public void Unmeasured(string what, double bound)
    {
        Missed += judge ? 1 : 0;
        _table.Add(what, "-", $"≤ {Exact(bound)}", "NOT MEASURED");
    }

    /// <inheritdoc/>
    public override string ToString() => _table.ToString();

    // A missed bound must not print as one that was reached.
    private static string Exact(double value) => value.ToString("0.###", CultureInfo.InvariantCulture);

    private void Add(string what, double value, string bound, bool reached)
    {
        Missed += reached || !judge ? 0 : 1;
        _table.Add(what, Exact(value), bound, !judge ? "-" : reached ? "pass" : "MISSED");
    }
}
