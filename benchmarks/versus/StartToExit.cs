namespace Versus;

/// <summary>From start to exit: we, the limit and the peers, in turn.</summary>
internal static class StartToExit
{
    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        Limit.Check(workshop);
        Contender[] contenders = [.. Ours.Contenders(workshop), .. Peers.Find(workshop)];
        var rounds = await Rounds.RunAsync(contenders, settings.Quick ? 2 : 60, settings.Rounds, settings.Each);
        await Ours.EndAsync();
        Print(rounds);
        foreach (var (ours, theirs, bound) in Bounds)
        {
            if (rounds.Names.Contains(theirs))
            {
                verdicts.AtMost($"{ours} : {theirs}", Statistics.Median(rounds.Ratios(ours, theirs)), bound);
            }
            else
            {
                verdicts.Unmeasured($"{ours} : {theirs}", bound);
            }
        }
    }

    private static readonly (string Ours, string Theirs, double Bound)[] Bounds =
    [
        (Ours.InitOff, Peers.Limit, 1.2),
        (Ours.InitOn, Peers.LimitInit, 1.2),
        // Of a start that does everything after it was asked for, and of one that finds a part of it done.
        (Ours.InitOff, Peers.Bubblewrap, 0.45),
        (Ours.InitOff, Peers.Crun, 0.2),
        (Ours.InitOff, Peers.Runc, 0.08),
        (Ours.Spare, Peers.Bubblewrap, 0.45),
        (Ours.Spare, Peers.Crun, 0.2),
        (Ours.Spare, Peers.Runc, 0.08),
        (Ours.InitOn, Ours.InitOff, 1.25),
        (Ours.Exec, Ours.InitOn, 0.5),
        (Ours.KeptIds, Ours.InitOff, 1.1), // 65,536 ids against one
    ];

    private static void Print(Rounds rounds)
    {
        var table =
            new Table("start to exit", "p10 ms", "median ms", "p90 ms", "our init off : this", "p10–p90 of rounds");
        foreach (var name in rounds.Names)
        {
            var times = rounds.Times(name).ToArray();
            var ratios = rounds.Ratios(Ours.InitOff, name).ToArray();
            table.Add(
                name,
                Table.Figure(Statistics.Percentile(times, 0.1)),
                Table.Figure(Statistics.Median(times)),
                Table.Figure(Statistics.Percentile(times, 0.9)),
                Table.Figure(Statistics.Median(ratios)),
                $"{Table.Figure(Statistics.Percentile(ratios, 0.1))}–{Table.Figure(Statistics.Percentile(ratios, 0.9))}");
        }

        Console.WriteLine($"{table}\n");
    }
}
