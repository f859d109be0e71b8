using System.Globalization;

namespace Versus;

/// <summary>Rows that print as a Markdown table with straight columns.</summary>
internal sealed class Table(params string[] heads)
{
    private readonly List<string[]> _rows = [heads];

    /// <summary>Adds a row.</summary>
    public void Add(params string[] cells) => _rows.Add(cells);

    /// <inheritdoc/>
    public override string ToString()
    {
        var widths = Enumerable.Range(0, heads.Length).Select(column => _rows.Max(row => row[column].Length)).ToArray();
        var lines =
            _rows.Select(row => $"| {string.Join(" | ", row.Select((cell, i) => Pad(cell, i, widths[i])))} |").ToList();
        lines.Insert(1, $"|{string.Join('|', widths.Select(Rule))}|");
        return string.Join('\n', lines);
    }

    /// <summary>A figure with as many digits as are worth reading.</summary>
    public static string Figure(double value) =>
        value.ToString(value < 1 ? "F3" : value < 10 ? "F2" : value < 100 ? "F1" : "F0", CultureInfo.InvariantCulture);

    /// <summary>The range that 80 % of some figures fall into.</summary>
    public static string Range(IReadOnlyList<double> values) =>
        $"{Figure(Statistics.Percentile(values, 0.1))}–{Figure(Statistics.Percentile(values, 0.9))}";

    private static string Rule(int width, int column) => new string('-', width + 1) + (column == 0 ? '-' : ':');

    private static string Pad(string cell, int column, int width) =>
        column == 0 ? cell.PadRight(width) : cell.PadLeft(width);
}
