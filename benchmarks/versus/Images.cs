using System.Diagnostics;

namespace Versus;

/// <summary>How fast an image becomes files, all of it in memory: by us, by the peers, and at best.</summary>
internal static class Images
{
    private const string Limit = "limit";

    private static ImageWorkshop? _workshop; // for both parts

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop programs, Verdicts verdicts)
    {
        if ((_workshop ??= ImageWorkshop.Create(settings, programs)) is not { } workshop)
        {
            verdicts.Unmeasured("an image to files", 1.25);
            return;
        }

        Console.WriteLine($"The image: {workshop.Image}.\n");
        var contenders = await ImageContenders.FindAsync(workshop);
        await CompareAsync(workshop, contenders);
        await MeasureAsync(settings, workshop, contenders, verdicts, "");
        foreach (var codec in (ImageCodec[])[ImageCodec.Zstd, ImageCodec.None])
        {
            var other = workshop.In(workshop.Path, codec);
            await MeasureAsync(settings, other, [ImageContenders.OfStore(other)], verdicts, $", {codec.Name}");
        }
    }

    /// <summary>Measures and prints the same where everything lies on a disk: that is what is measured then.</summary>
    public static async Task RunOnDiskAsync(Settings settings, Workshop programs)
    {
        if ((_workshop ??= ImageWorkshop.Create(settings, programs)) is { } workshop)
        {
            var path = Directory.CreateDirectory(Path.Combine(programs.Path, "images")).FullName;
            var disk = workshop.In(path, ImageCodec.Gzip);
            Print(await MeasureAsync(settings, disk, await ImageContenders.FindAsync(disk)), ", on a disk");
        }
    }

    private static async Task MeasureAsync(
        Settings settings, ImageWorkshop workshop, IReadOnlyList<ImageContender> contenders, Verdicts verdicts,
        string where)
    {
        var rounds = await MeasureAsync(settings, workshop, contenders);
        Print(rounds, where);
        Judge(rounds, verdicts, where);
    }

    private static async Task<List<Dictionary<string, ImageTurn>>> MeasureAsync(
        Settings settings, ImageWorkshop workshop, IReadOnlyList<ImageContender> contenders)
    {
        var (rounds, limit) = (new List<Dictionary<string, ImageTurn>>(), new ImageLimit(workshop));
        for (var round = 0; round < Math.Min(settings.Rounds, 7); round++)
        {
            var turns = new Dictionary<string, ImageTurn> { [Limit] = limit.Measure() };
            for (var i = 0; i < contenders.Count; i++)
            {
                var contender = contenders[(round + i) % contenders.Count];
                turns[contender.Name] = await ImageTurn.RunAsync(workshop, contender, async directory =>
                {
                    if (contender.Name == ImageContenders.Store)
                    {
                        turns[ImageContenders.Again] = await LoadAgainAsync(workshop, directory);
                    }
                });
            }

            rounds.Add(turns);
        }

        return rounds;
    }

    private static async Task<ImageTurn> LoadAgainAsync(ImageWorkshop workshop, string directory)
    {
        await using var store = ImageContenders.OpenStore(directory);
        var (start, used) = (Stopwatch.GetTimestamp(), ImageTurn.Used());
        await ImageContenders.LoadAsync(workshop, store);
        return new(Stopwatch.GetElapsedTime(start).TotalSeconds, (ImageTurn.Used() - used).TotalSeconds);
    }

    /// <summary>Whether all made the same; tar alone cannot, for which the layer that takes away is files.</summary>
    private static async Task CompareAsync(
        ImageWorkshop workshop, IReadOnlyList<ImageContender> contenders)
    {
        var sums = new Dictionary<string, string>();
        foreach (var contender in contenders.Where(contender => contender.Show is not null))
        {
            await ImageTurn.RunAsync(workshop, contender, directory =>
            {
                sums[contender.Name] = ImageTree.Sum(workshop, contender.Show!(directory));
                return Task.CompletedTask;
            });
        }

        foreach (var (name, sum) in sums.Where(sum => sum.Value != sums[ImageContenders.ToDirectory]))
        {
            Console.Error.WriteLine($"{name} made another tree than {ImageContenders.ToDirectory}: {sum}");
        }
    }

    private static void Print(List<Dictionary<string, ImageTurn>> rounds, string where)
    {
        var table = new Table($"image to files{where}", "median s", "CPU s", $"this : {Limit}", "p10–p90 of rounds");
        foreach (var name in rounds[0].Keys)
        {
            var ratios = Ratios(rounds, name, Limit);
            table.Add(
                name, Table.Figure(Statistics.Median(rounds.Select(turns => turns[name].Seconds))),
                Table.Figure(Statistics.Median(rounds.Select(turns => turns[name].CpuSeconds))),
                Table.Figure(Statistics.Median(ratios)),
                Table.Range(ratios));
        }

        Console.WriteLine($"{table}\n");
    }

    private static void Judge(List<Dictionary<string, ImageTurn>> rounds, Verdicts verdicts, string where)
    {
        (string Other, double Bound)[] bounds =
            [(ImageContenders.Umoci, 0.25), (ImageContenders.Podman, 0.3), (ImageContenders.Tar, 0.75), (Limit, 1.25)];
        foreach (var (other, bound) in bounds)
        {
            if (rounds[0].ContainsKey(other))
            {
                AtMost(ImageContenders.Store, other, bound);
            }
            else if (where.Length == 0)
            {
                verdicts.Unmeasured($"{ImageContenders.Store} : {other}", bound);
            }
        }

        AtMost(ImageContenders.Again, ImageContenders.Store, 0.02);

        void AtMost(string name, string other, double bound) =>
            verdicts.AtMost($"{name}{where} : {other}", Statistics.Median(Ratios(rounds, name, other)), bound);
    }

    private static double[] Ratios(List<Dictionary<string, ImageTurn>> rounds, string name, string other) =>
        [.. rounds.Select(turns => turns[name].Seconds / turns[other].Seconds)];
}
