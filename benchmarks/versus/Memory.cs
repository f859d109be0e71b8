using System.Globalization;

namespace Versus;

/// <summary>What a start allocates in the host, and what a live container keeps beside its program.</summary>
internal static class Memory
{
    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        verdicts.AtMost("managed KB per start, init off", await AllocationAsync(settings, workshop, init: false), 24);
        verdicts.AtMost("managed KB per start, init on", await AllocationAsync(settings, workshop, init: true), 24);
        foreach (var count in (int[])[1, settings.Quick ? 4 : 20])
        {
            verdicts.AtMost($"PSS in KB of our processes, each of {count} live, init on",
                await PssAsync(workshop, count), 64);
        }
    }

    private static async Task<double> AllocationAsync(Settings settings, Workshop workshop, bool init)
    {
        var starts = settings.Quick ? 10 : 500;
        for (var i = 0; i < starts; i++)
        {
            await Ours.RunAsync(workshop, init);
        }

        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < starts; i++)
        {
            await Ours.RunAsync(workshop, init);
        }

        return (GC.GetTotalAllocatedBytes(precise: true) - before) / 1024.0 / starts;
    }

    private static async Task<double> PssAsync(Workshop workshop, int count)
    {
        var live = new List<IAsyncDisposable>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                live.Add(await Ours.StartPausedAsync(workshop));
            }

            var ours = Descendants().Where(IsOurs).ToArray();
            return ours.Length >= count
                ? ours.Sum(Pss) / count
                : throw new InvalidOperationException(
                    $"{count} containers live, but only {ours.Length} processes of ours");
        }
        finally
        {
            foreach (var container in live)
            {
                await container.DisposeAsync();
            }
        }
    }

    private static List<int> Descendants()
    {
        var children = Directory.EnumerateDirectories("/proc").Select(Path.GetFileName)
            .Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!, CultureInfo.InvariantCulture))
            .ToLookup(Parent);
        var found = new List<int> { Environment.ProcessId };
        for (var i = 0; i < found.Count; i++)
        {
            found.AddRange(children[found[i]]);
        }

        return found[1..];
    }

    private static int Parent(int process)
    {
        try
        {
            var stat = File.ReadAllText($"/proc/{process}/stat");
            return int.Parse(stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1], CultureInfo.InvariantCulture);
        }
        catch (IOException)
        {
            return 0; // it ended since /proc was listed
        }
    }

    private static bool IsOurs(int process) =>
        new FileInfo($"/proc/{process}/exe").LinkTarget is { } program
            && !program.EndsWith("/work", StringComparison.Ordinal);

    private static double Pss(int process) =>
        File.ReadLines($"/proc/{process}/smaps_rollup").Where(line => line.StartsWith("Pss:", StringComparison.Ordinal))
            .Select(line =>
                double.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture))
            .Single();
}
