using ContainerKit;

namespace Versus;

/// <summary>What limits add to a start, from its beginning to the removal of the group.</summary>
internal static class LimitedStarts
{
    private const string Plain = "ContainerKit, no limits", Limited = "ContainerKit, 4 limits";
    private const string PlainLimit = "limit, no group", EnteredLimit = "limit, into a group that is there";

    /// <summary>
    /// Measures, prints, and judges against the bare calls that make, limit and remove such a group, and against what
    /// it costs the limit to enter one and show it.
    /// </summary>
    public static async Task RunAsync(
        Settings settings, Workshop workshop, Verdicts verdicts, CgroupLimits limits, Func<double> bareMicroseconds)
    {
        await using var entered = Cgroup.Create(OwnGroups.NewPath(), limits);
        Contender[] contenders =
        [
            new(Plain, () => Ours.RunAsync(workshop, limits: null)),
            new(Limited, () => Ours.RunAsync(workshop, limits)),
            Contender.Process(PlainLimit, [workshop.Limit, workshop.Root, "init"]),
            Contender.Process(EnteredLimit, [workshop.Limit, workshop.Root, "init", .. entered.Directories]),
        ];
        var bare = bareMicroseconds();
        var rounds = await Rounds.RunAsync(contenders, settings.Quick ? 2 : 60, settings.Rounds, 2 * settings.Each);
        bare = (bare + bareMicroseconds()) / 2000;
        var (added, least) = (Added(Plain, Limited), bare + Added(PlainLimit, EnteredLimit));
        var table = new Table("limits in a start", "median ms", "added ms", "bare calls ms", "added : bare");
        table.Add(Plain, Figure(Plain), "", "", "");
        table.Add(Limited, Figure(Limited), Table.Figure(added), Table.Figure(bare), Table.Figure(added / bare));
        table.Add(PlainLimit, Figure(PlainLimit), "", "", "");
        table.Add(EnteredLimit, Figure(EnteredLimit), Table.Figure(least - bare), Table.Figure(bare), "");
        table.Add(
            "the limit, with the bare calls", "", Table.Figure(least), Table.Figure(bare), Table.Figure(least / bare));
        Console.WriteLine($"{table}\n");
        verdicts.AtMost("what 4 limits add to a start : the same calls", added / bare, 1.2);
        verdicts.AtMost(
            "what 4 limits add to a start : the same calls, and what enters and shows a group", added / least, 1.2);

        double Median(string name) => Statistics.Median(rounds.Times(name));

        double Added(string without, string with) => Median(with) - Median(without);

        string Figure(string name) => Table.Figure(Median(name));
    }
}
