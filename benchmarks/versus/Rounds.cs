using System.Diagnostics;

namespace Versus;

/// <summary>
/// Runs all contenders in turn, round after round, so that whatever else the machine does meets all of them. The order
/// moves on by one each round, so that nobody always follows the same one.
/// </summary>
internal sealed class Rounds
{
    /// <summary>
    /// Before each run: the kernel unmakes the namespaces of the one before, and a spare is made, meanwhile.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly Dictionary<string, List<double[]>> _milliseconds = [];

    /// <summary>The contenders' names, in the order in which they were given.</summary>
    public IReadOnlyList<string> Names { get; private init; } = [];

    /// <summary>Warms everything up, then runs the rounds that count.</summary>
    public static async Task<Rounds> RunAsync(IReadOnlyList<Contender> contenders, int warmUp, int rounds, int each)
    {
        var result = new Rounds { Names = [.. contenders.Select(contender => contender.Name)] };
        foreach (var contender in contenders)
        {
            result._milliseconds[contender.Name] = [];
            await TurnAsync(contender, warmUp);
        }

        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < contenders.Count; i++)
            {
                var contender = contenders[(round + i) % contenders.Count];

                // The kernel unmakes namespaces after their last process: the first run of a turn pays for the one
                // before.
                await contender.RunAsync();
                result._milliseconds[contender.Name].Add(await TurnAsync(contender, each));
            }
        }

        return result;
    }

    /// <summary>All counted times of a contender.</summary>
    public IEnumerable<double> Times(string name) => _milliseconds[name].SelectMany(turn => turn);

    /// <summary>Each round's ratio of the two contenders' medians: both saw the same machine.</summary>
    public IEnumerable<double> Ratios(string name, string other) =>
        _milliseconds[name].Zip(_milliseconds[other], (one, two) => Statistics.Median(one) / Statistics.Median(two));

    /// <summary>A row for each contender, and what it takes by another.</summary>
    public Table Table(string head, string other, string otherHead)
    {
        var table = new Table(head, "p10 ms", "median ms", $"this : {otherHead}");
        foreach (var name in Names)
        {
            var times = Times(name).ToArray();
            table.Add(
                name, Versus.Table.Figure(Statistics.Percentile(times, 0.1)),
                Versus.Table.Figure(Statistics.Median(times)),
                Versus.Table.Figure(Statistics.Median(Ratios(name, other))));
        }

        return table;
    }

    /// <summary>Each round's median of a contender.</summary>
    public IEnumerable<double> Medians(string name) => _milliseconds[name].Select(Statistics.Median);

    private static async Task<double[]> TurnAsync(Contender contender, int each)
    {
        var times = new double[each];
        for (var i = 0; i < each; i++)
        {
            await Task.Delay(Pause);
            var start = Stopwatch.GetTimestamp();
            await contender.RunAsync();
            times[i] = Stopwatch.GetElapsedTime(start).TotalMilliseconds;
        }

        return times;
    }
}
