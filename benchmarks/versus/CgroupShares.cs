using System.Diagnostics;
using System.Globalization;
using ContainerKit;

namespace Versus;

/// <summary>Whether programs that burn CPU time get what their groups are given, and no more.</summary>
internal static class CgroupShares
{
    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        var table = new Table("CPU time", "asked for", "got", "off by");
        var seconds = settings.Quick ? 0.5 : 10;
        await using var heavy = Cgroup.Create(OwnGroups.NewPath(), new() { Cpus = [0], CpuWeight = 300 });
        await using var light = Cgroup.Create(OwnGroups.NewPath(), new() { Cpus = [0], CpuWeight = 100 });
        await using var half = Cgroup.Create(OwnGroups.NewPath(), new() { Cpu = CpuMax.Cpus(0.5), CpuWeight = 10_000 });
        var shares = await UseAsync(workshop, seconds, heavy, light);
        Judge("weights 3 : 1 on one CPU", 3, shares[0] / shares[1], 0.1);
        var uses = await UseAsync(workshop, seconds, half);
        Judge("a limit of half a CPU", 0.5, uses[0], 0.05);
        Console.WriteLine($"{table}\n");

        void Judge(string what, double asked, double got, double bound)
        {
            var off = Math.Abs(got / asked - 1);
            table.Add(what, Table.Figure(asked), Table.Figure(got), off.ToString("P1", CultureInfo.InvariantCulture));
            verdicts.AtMost($"{what}, off by", off, bound);
        }
    }

    /// <summary>Starts a program that burns CPU time in a group; disposing ends it.</summary>
    public static Burning Burn(Workshop workshop, Cgroup group)
    {
        var process = Process.Start(workshop.Work, ["cpu", "1000000000"]);
        group.Move(process.Id);
        return new(process);
    }

    /// <summary>The CPUs that one such program used in each group, all at the same time.</summary>
    private static async Task<double[]> UseAsync(Workshop workshop, double seconds, params Cgroup[] groups)
    {
        Burning[] burning = [.. groups.Select(group => Burn(workshop, group))];
        await Task.Delay(500); // a limit holds from its next period on, and a weight once all of them are there
        var (start, before) = (Stopwatch.GetTimestamp(), groups.Select(Usage).ToArray());
        await Task.Delay(TimeSpan.FromSeconds(seconds));
        var (elapsed, after) = (Stopwatch.GetElapsedTime(start), groups.Select(Usage).ToArray());
        Array.ForEach(burning, program => program.Dispose());
        return [.. after.Zip(before, (end, begin) => (end - begin) / elapsed)];
    }

    private static TimeSpan Usage(Cgroup group) => group.ReadStatistics().Cpu!.Usage;

    /// <summary>A program that burns CPU time until it is disposed.</summary>
    public sealed class Burning(Process process) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose()
        {
            process.Kill();
            process.WaitForExit();
            process.Dispose();
        }
    }
}
