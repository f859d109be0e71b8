using System.Globalization;

namespace Versus;

/// <summary>The same program inside and outside of a container, in turn: what living in one costs.</summary>
internal static class SteadyState
{
    private static readonly Load[] Loads =
    [
        new("CPU", "cpu", Count: 4000, Bound: 0.98),
        new("system calls", "calls", Count: 100_000, Bound: 0.95),
        new("file I/O on a copy-on-write layer", "files", Count: 20, Bound: 0.9) { CopyOnWrite = true },
        new("loopback", "loopback", Count: 100, Bound: 0.98),
    ];

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        var table = new Table("steady state", "outside ms", "inside ms", "outside : inside", "p10–p90 of turns");
        foreach (var load in Loads)
        {
            var turns = await TurnsAsync(settings, workshop, load);
            verdicts.AtLeast($"{load.Name}, inside against outside", Print(table, load.Name, turns, part: null),
                load.Bound);
            foreach (var part in turns[0].Outside.Keys.Where(_ => turns[0].Outside.Count > 1))
            {
                Print(table, "  " + part, turns, part);
            }
        }

        Console.WriteLine($"{table}\n");
    }

    private static async Task<List<Turn>> TurnsAsync(Settings settings, Workshop workshop, Load load)
    {
        var count = (settings.Quick ? Math.Max(1, load.Count / 20) : load.Count).ToString(CultureInfo.InvariantCulture);
        var turns = new List<Turn>();
        for (var round = -1; round < settings.Rounds; round++)
        {
            // Who goes first changes, so that a machine that grows slower or faster favours nobody.
            var before = round % 2 == 0 ? Outside(workshop, load, count) : null;
            var inside = await InsideAsync(workshop, load, count);
            var turn = new Turn(before ?? Outside(workshop, load, count), inside);
            if (round >= 0)
            {
                turns.Add(turn);
            }
        }

        return turns;
    }

    private static Dictionary<string, double> Outside(Workshop workshop, Load load, string count)
    {
        var path = Path.Combine(workshop.Path, "outside");
        using var output = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        var code = new Spawned([workshop.Work, load.Argument, count, workshop.Root], output).Run();
        return code == 0
            ? Read(File.ReadAllText(path))
            : throw new InvalidOperationException($"{load.Name}: exit code {code}");
    }

    private static async Task<Dictionary<string, double>> InsideAsync(Workshop workshop, Load load, string count) =>
        Read(await Ours.OutputAsync(workshop, ["/work", load.Argument, count, "/"], load.CopyOnWrite));

    private static Dictionary<string, double> Read(string output) =>
        output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' '))
            .ToDictionary(words => words[0], words => double.Parse(words[1], CultureInfo.InvariantCulture) / 1e6);

    private static double Print(Table table, string name, List<Turn> turns, string? part)
    {
        double Of(Dictionary<string, double> parts) => part is null ? parts.Values.Sum() : parts[part];
        var ratios = turns.Select(turn => Of(turn.Outside) / Of(turn.Inside)).ToArray();
        var median = Statistics.Median(ratios);
        table.Add(
            name,
            Table.Figure(Statistics.Median(turns.Select(turn => Of(turn.Outside)))),
            Table.Figure(Statistics.Median(turns.Select(turn => Of(turn.Inside)))),
            Table.Figure(median),
            $"{Table.Figure(Statistics.Percentile(ratios, 0.1))}–{Table.Figure(Statistics.Percentile(ratios, 0.9))}");
        return median;
    }

    private sealed record Load(string Name, string Argument, int Count, double Bound)
    {
        public bool CopyOnWrite { get; init; }
    }

    private sealed record Turn(Dictionary<string, double> Outside, Dictionary<string, double> Inside);
}
