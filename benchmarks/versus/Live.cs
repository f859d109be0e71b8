using System.Diagnostics;
using System.Globalization;
using ContainerKit;

namespace Versus;

/// <summary>What a start costs while many containers of this host live, against one while few do.</summary>
internal static class Live
{
    private const int AtAnEnd = 20;

    /// <summary>Before each start, as between all that are timed.</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    /// <summary>
    /// Before the first of a pass: the kernel unmakes the thousands of namespaces of the pass before.
    /// </summary>
    private static readonly TimeSpan Quiet = TimeSpan.FromSeconds(5);

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        var many = settings.Quick ? 3 * AtAnEnd : 1000;
        var passes = new List<Pass>();
        await PassAsync(workshop, many / 4); // whatever is compiled, is compiled now
        for (var pass = 0; pass < (settings.Quick ? 1 : 5); pass++)
        {
            passes.Add(await PassAsync(workshop, many));
        }

        Print(passes, many);
        verdicts.AtMost(
            $"the last {AtAnEnd} starts of {many} live : the first {AtAnEnd}",
            Statistics.Median(passes.Select(pass =>
                Statistics.Median(pass.Starts[^AtAnEnd..]) / Statistics.Median(pass.Starts[..AtAnEnd]))), 1.5);
    }

    /// <summary>
    /// The milliseconds from each call to "exec happened", all of them alive until the last; and of the limit, from
    /// start to exit, before the first and beside them all: what of it is the kernel's.
    /// </summary>
    private static async Task<Pass> PassAsync(Workshop workshop, int many)
    {
        var times = new double[many];
        await using var host = new ContainerHost();
        await Task.Delay(Quiet);
        var alone = TimeLimit(workshop);
        for (var i = 0; i < many; i++)
        {
            await Task.Delay(Pause);
            var start = Stopwatch.GetTimestamp();
            await Ours.StartPausedAsync(host, workshop);
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return new(times, alone, TimeLimit(workshop));
    }

    private static double TimeLimit(Workshop workshop)
    {
        var line = workshop.FirstLine(
            [workshop.Work, "starts", $"{2 * AtAnEnd}", "/", workshop.Limit, workshop.Root, "init"]);
        return line?.Split(' ') is [_, var nanoseconds]
            ? long.Parse(nanoseconds, CultureInfo.InvariantCulture) / 1e6
            : throw new InvalidOperationException("The limit does not work here.");
    }

    private static void Print(List<Pass> passes, int many)
    {
        var table = new Table("start, while there live", "p10 ms", "median ms", "p90 ms");
        foreach (var before in (int[])[0, (many - AtAnEnd) / 2, many - AtAnEnd])
        {
            Add($"{before} to {before + AtAnEnd - 1}", pass => pass.Starts[before..(before + AtAnEnd)]);
        }

        Add("limit, init on, before the first", pass => [pass.LimitAlone]);
        Add($"limit, init on, beside {many}", pass => [pass.LimitBeside]);
        Console.WriteLine($"{table}\n");

        void Add(string name, Func<Pass, double[]> figures)
        {
            double[] times = [.. passes.SelectMany(figures)];
            table.Add(
                name, Table.Figure(Statistics.Percentile(times, 0.1)), Table.Figure(Statistics.Median(times)),
                Table.Figure(Statistics.Percentile(times, 0.9)));
        }
    }

    private sealed record Pass(double[] Starts, double LimitAlone, double LimitBeside);
}
