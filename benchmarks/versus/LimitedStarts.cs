using ContainerKit;

namespace Versus;

/// <summary>What limits add to a start, from its beginning to the removal of the group.</summary>
internal static class LimitedStarts
{
    private const string Plain = "start to exit, no limits", Limited = "start to exit, 4 limits";

    /// <summary>Measures, prints, and judges against the bare calls that make, limit and remove such a group.</summary>
    public static async Task RunAsync(
        Settings settings, Workshop workshop, Verdicts verdicts, CgroupLimits limits, Func<double> bareMicroseconds)
    {
        Contender[] contenders =
        [
            new(Plain, () => Ours.RunAsync(workshop, limits: null)),
            new(Limited, () => Ours.RunAsync(workshop, limits)),
        ];
        var bare = bareMicroseconds();
        var rounds = await Rounds.RunAsync(contenders, settings.Quick ? 2 : 60, settings.Rounds, 2 * settings.Each);
        bare = (bare + bareMicroseconds()) / 2;
        var (plain, limited) = (Statistics.Median(rounds.Times(Plain)), Statistics.Median(rounds.Times(Limited)));
        var table = new Table("limits in a start", "median ms", "bare calls ms", "added : bare");
        table.Add(Plain, Table.Figure(plain), "", "");
        var added = (limited - plain) * 1000 / bare;
        table.Add(Limited, Table.Figure(limited), Table.Figure(bare / 1000), Table.Figure(added));
        Console.WriteLine($"{table}\n");
        verdicts.AtMost("what 4 limits add to a start : the same calls", added, 1.2);
    }
}
