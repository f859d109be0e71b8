using System.Diagnostics;
using System.Globalization;
using ContainerKit;

namespace Versus;

/// <summary>What groups cost to read and to make, against a C program that does nothing else.</summary>
internal static class Cgroups
{
    private const int Passes = 5;

    private static readonly CgroupLimits Four = new()
    {
        Cpu = CpuMax.Cpus(0.5),
        CpuWeight = 200,
        Memory = ByteSize.MiB(256),
        Pids = 100,
    };

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        var table = new Table("cgroups", "bare µs", "ours µs", "ours : bare", "p10–p90 of rounds");
        await ReadAsync(settings, workshop, verdicts, table);
        await MakeAsync(settings, workshop, verdicts, table);
        await ReadManyAsync(settings, workshop, verdicts, table);
        Console.WriteLine($"{table}\n");
        await StartAsync(settings, workshop, verdicts);
        await CgroupShares.RunAsync(settings, workshop, verdicts);
    }

    private static async Task ReadAsync(Settings settings, Workshop workshop, Verdicts verdicts, Table table)
    {
        await using var group = Cgroup.Create(OwnGroups.NewPath(), Four);
        using (CgroupShares.Burn(workshop, group))
        {
            await Task.Delay(300);
        }

        var calls = settings.Quick ? 10 : 2000;
        group.ReadStatistics();
        var files = OwnGroups.Reads(OwnGroups.OpenFiles(group), group);
        var before = GC.GetTotalAllocatedBytes(precise: true);
        Ours(calls, () => group.ReadStatistics());
        verdicts.AtMost("managed KB per ReadStatistics",
            (GC.GetTotalAllocatedBytes(precise: true) - before) / 1024.0 / (Passes * calls), 4);
        var rounds = Measure(
            settings, () => Bare(workshop, calls, files), () => Ours(calls, () => group.ReadStatistics()));
        verdicts.AtMost("ReadStatistics : the same files read",
            Print(table, $"statistics, {files.Length} files", rounds), 1.3);
    }

    private static async Task MakeAsync(Settings settings, Workshop workshop, Verdicts verdicts, Table table)
    {
        await using var like = Cgroup.Create(OwnGroups.NewPath(), Four);
        var (steps, path) = (OwnGroups.Steps(like), OwnGroups.NewPath());
        var calls = settings.Quick ? 2 : 20;
        var rounds = Measure(settings, () => Bare(workshop, calls, steps), () => Ours(calls, () =>
        {
            // There is nothing to wait for in a group that nobody entered.
            Cgroup.Create(path, Four).DisposeAsync().AsTask().GetAwaiter().GetResult();
        }));
        verdicts.AtMost("a group made, with 4 limits, and removed : the same calls",
            Print(table, $"create, 4 limits, remove: {steps.Length} steps", rounds), 1.5);
    }

    private static async Task StartAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        await using var like = Cgroup.Create(OwnGroups.NewPath(), Four);
        var (steps, calls) = (OwnGroups.Steps(like), settings.Quick ? 2 : 20);
        await LimitedStarts.RunAsync(settings, workshop, verdicts, Four, () => Bare(workshop, calls, steps));
    }

    private static async Task ReadManyAsync(Settings settings, Workshop workshop, Verdicts verdicts, Table table)
    {
        var (many, calls) = settings.Quick ? (20, 1) : (1000, 5);
        await using var alone = Cgroup.Create(OwnGroups.NewPath(), Four);
        alone.ReadStatistics();
        var open = OwnGroups.OpenFiles(alone);
        var groups = new List<Cgroup>();
        try
        {
            while (groups.Count < many)
            {
                groups.Add(Cgroup.Create(OwnGroups.NewPath(), Four));
                groups[^1].ReadStatistics();
            }

            var one = OwnGroups.Reads(open, alone);
            string[] all = [.. groups.SelectMany(group => OwnGroups.Reads(open, group))];
            var rounds = Measure(
                settings,
                () => Bare(workshop, many * calls, one), () => Ours(many * calls, () => alone.ReadStatistics()),
                () => Bare(workshop, calls, all) / many,
                () => Ours(calls, () => groups.ForEach(group => group.ReadStatistics())) / many,
                () => Cold(settings.Quick ? 3 : 50, () => alone.ReadStatistics()));
            Print(table, $"statistics, one beside {many}", rounds);
            Print(table, $"statistics, each of {many} in a sweep", [.. rounds.Select(round => round[2..4])]);
            verdicts.AtMost($"ReadStatistics of each of {many} in a sweep : of one again and again",
                Statistics.Median(rounds.Select(round => round[3] / round[1])), 1.3);
            table.Add(
                "statistics, one after other work", "",
                Table.Figure(Statistics.Median(rounds.Select(round => round[4]))), "", "");
            verdicts.AtMost($"ReadStatistics of each of {many} in a sweep : of one after other work",
                Statistics.Median(rounds.Select(round => round[3] / round[4])), 1.3);
        }
        finally
        {
            foreach (var group in groups)
            {
                await group.DisposeAsync();
            }
        }
    }

    /// <summary>The microseconds of each in each round; who goes first moves on.</summary>
    private static List<double[]> Measure(Settings settings, params Func<double>[] measured)
    {
        var rounds = new List<double[]>();
        for (var round = -1; round < settings.Rounds; round++)
        {
            var times = new double[measured.Length];
            for (var i = 0; i < measured.Length; i++)
            {
                var turn = (round + 1 + i) % measured.Length;
                times[turn] = measured[turn]();
            }

            rounds.Add(times);
        }

        return rounds[1..];
    }

    /// <summary>The microseconds of one call, in the median of some passes, as the C program takes it.</summary>
    private static double Ours(int calls, Action call) => Statistics.Median(Enumerable.Range(0, Passes).Select(_ =>
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < calls; i++)
        {
            call();
        }

        return Stopwatch.GetElapsedTime(start).TotalMicroseconds / calls;
    }));

    /// <summary>The same of single calls, each after other work has taken the processor's caches.</summary>
    private static double Cold(int calls, Action call)
    {
        var other = new byte[64 << 20];
        return Statistics.Median(Enumerable.Range(0, calls).Select(_ =>
        {
            for (var i = 0; i < other.Length; i += 64)
            {
                other[i]++;
            }

            var start = Stopwatch.GetTimestamp();
            call();
            return Stopwatch.GetElapsedTime(start).TotalMicroseconds;
        }));
    }

    private static double Bare(Workshop workshop, int calls, IEnumerable<string> steps)
    {
        var list = Path.Combine(workshop.Path, "steps");
        File.WriteAllLines(list, steps);
        var line = workshop.FirstLine([workshop.Cgroups, calls.ToString(CultureInfo.InvariantCulture), list]);
        return line is { Length: > 0 }
            ? long.Parse(line, CultureInfo.InvariantCulture) / 1e3
            : throw new InvalidOperationException($"The same without a library does not work here: {list}");
    }

    private static double Print(Table table, string name, List<double[]> rounds)
    {
        var ratios = rounds.Select(round => round[1] / round[0]).ToArray();
        table.Add(
            name, Table.Figure(Statistics.Median(rounds.Select(round => round[0]))),
            Table.Figure(Statistics.Median(rounds.Select(round => round[1]))), Table.Figure(Statistics.Median(ratios)),
            $"{Table.Figure(Statistics.Percentile(ratios, 0.1))}–{Table.Figure(Statistics.Percentile(ratios, 0.9))}");
        return Statistics.Median(ratios);
    }
}
