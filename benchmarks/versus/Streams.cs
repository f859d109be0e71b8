using System.Diagnostics;
using System.Globalization;
using ContainerKit;

namespace Versus;

/// <summary>
/// How fast bytes go between a host and a program, through our streams and through nothing but the kernel's.
/// </summary>
internal static class Streams
{
    private static readonly Way[] Ways =
    [
        new("program to host, a pipe", "pipe", "source", MiB: 1024, Bound: 0.95),
        new("host to program, a pipe", "pipe", "sink", MiB: 1024, Bound: 0.95),
        new("program to host, a terminal", "pty", "source", MiB: 128, Bound: 0.9),
        new("host to program, a terminal", "pty", "sink", MiB: 128, Bound: 0.9),
    ];

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop workshop, Verdicts verdicts)
    {
        var table = new Table("streams", "bare MiB/s", "ours MiB/s", "ours : bare", "p10–p90 of turns");
        foreach (var way in Ways)
        {
            var turns = await TurnsAsync(settings, workshop, way);
            var ratios = turns.Select(turn => turn.Ours / turn.Bare).ToArray();
            table.Add(
                way.Name, Table.Figure(Statistics.Median(turns.Select(turn => turn.Bare))),
                Table.Figure(Statistics.Median(turns.Select(turn => turn.Ours))),
                Table.Figure(Statistics.Median(ratios)),
                $"{Table.Figure(Statistics.Percentile(ratios, 0.1))}–{Table.Figure(Statistics.Percentile(ratios, 0.9))}");
            verdicts.AtLeast($"{way.Name}, ours : bare", Statistics.Median(ratios), way.Bound);
        }

        Console.WriteLine($"{table}\n");
    }

    private static async Task<List<Turn>> TurnsAsync(Settings settings, Workshop workshop, Way way)
    {
        var mebibytes = settings.Quick ? way.MiB / 32 : way.MiB;
        var turns = new List<Turn>();
        for (var round = -1; round < settings.Rounds; round++)
        {
            // Who goes first changes, so that a machine that grows slower or faster favours nobody.
            var before = round % 2 == 0 ? Bare(workshop, way, mebibytes) : 0;
            var ours = await OursAsync(workshop, way, mebibytes);
            var turn = new Turn(before > 0 ? before : Bare(workshop, way, mebibytes), ours);
            if (round >= 0)
            {
                turns.Add(turn);
            }
        }

        return turns;
    }

    private static double Bare(Workshop workshop, Way way, int mebibytes)
    {
        var path = Path.Combine(workshop.Path, "bare");
        using var output = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        var code = new Spawned([workshop.Streams, "bare", way.Kind, way.Role, Bytes(mebibytes)], output).Run();
        return code == 0
            ? mebibytes / (double.Parse(File.ReadAllText(path).Split(' ')[1], CultureInfo.InvariantCulture) / 1e9)
            : throw new InvalidOperationException($"{way.Name}: exit code {code}");
    }

    private static async Task<double> OursAsync(Workshop workshop, Way way, int mebibytes)
    {
        await using var container =
            await Ours.StartAsync(workshop, ["/streams", way.Role, Bytes(mebibytes)], way.Kind == "pty");
        var (input, output) = container.Terminal is { } terminal
            ? ((Stream)terminal, (Stream)terminal)
            : (container.StandardInput!, container.StandardOutput!);
        var block = new byte[64 * 1024]; // as the program's, and the bare host's
        await TakeAsync(output, block, 1);
        var start = Stopwatch.GetTimestamp();
        if (way.Role == "source")
        {
            await input.WriteAsync(block.AsMemory(0, 1));
            await TakeAsync(output, block, (long)mebibytes << 20);
        }
        else
        {
            await GiveAsync(input, block, (long)mebibytes << 20);
            await TakeAsync(output, block, 1);
        }

        return mebibytes / Stopwatch.GetElapsedTime(start).TotalSeconds;
    }

    private static async Task TakeAsync(Stream stream, byte[] block, long count)
    {
        for (int length; count > 0; count -= length)
        {
            length = await stream.ReadAsync(block);
            if (length == 0)
            {
                throw new InvalidOperationException($"The end came {count} bytes early.");
            }
        }
    }

    private static async Task GiveAsync(Stream stream, byte[] block, long count)
    {
        for (; count > 0; count -= block.Length)
        {
            await stream.WriteAsync(block);
        }
    }

    private static string Bytes(int mebibytes) => ((long)mebibytes << 20).ToString(CultureInfo.InvariantCulture);

    private sealed record Way(string Name, string Kind, string Role, int MiB, double Bound);

    private sealed record Turn(double Bare, double Ours);
}
