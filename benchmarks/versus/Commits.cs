using System.Diagnostics;
using System.Formats.Tar;
using ContainerKit;

namespace Versus;

/// <summary>What it costs to commit ten changed files, over an image of few files and one of many.</summary>
internal static class Commits
{
    private const int Few = 300, Many = 30_000, Changed = 10;

    private const string OverFew = "commit over 300 files", OverMany = "commit over 30,000 files", Tar = "tar -c";

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop programs, Verdicts verdicts)
    {
        var directory = Directory.CreateDirectory(Path.Combine(Tmpfs.Path, "commits")).FullName;
        await using var store = ImageStore.Open(Path.Combine(directory, "store"), new() { WritesThrough = false });
        var (few, many) = (await LoadAsync(store, directory, Few), await LoadAsync(store, directory, Many));
        var upper = Directory.CreateDirectory(Path.Combine(directory, "upper")).FullName;
        Change(upper);
        var tar = new Spawned(["tar", "-c", "-f", Path.Combine(directory, "upper.tar"), "-C", upper, "."]);
        var times = new Dictionary<string, List<double>> { [OverFew] = [], [OverMany] = [], [Tar] = [] };
        for (var round = 0; round < settings.Rounds * settings.Each; round++)
        {
            times[OverFew].Add(await CommitAsync(store, few));
            times[OverMany].Add(await CommitAsync(store, many));
            times[Tar].Add(Time(() => tar.Run()));
        }

        var table = new Table("commit of 10 changed files", "median ms", $"this : {Tar}");
        foreach (var (name, taken) in times)
        {
            table.Add(name, Table.Figure(Statistics.Median(taken)), Table.Figure(Ratio(name, Tar)));
        }

        Console.WriteLine($"{table}\n");
        verdicts.AtMost($"{OverMany} : {OverFew}", Ratio(OverMany, OverFew), 1.3);
        verdicts.AtMost($"{OverMany} : {Tar}", Ratio(OverMany, Tar), 1.5);

        double Ratio(string name, string other) => Statistics.Median(times[name]) / Statistics.Median(times[other]);
    }

    /// <summary>The milliseconds of a commit of files that are new each time.</summary>
    private static async Task<double> CommitAsync(ImageStore store, Image image)
    {
        await using var layer = await store.CreateWritableAsync(image);
        Change(Path.Combine(store.Layers.Path, "writable", layer.Id, "upper"));
        var start = Stopwatch.GetTimestamp();
        await store.CommitAsync(layer);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static double Time(Action action)
    {
        var start = Stopwatch.GetTimestamp();
        action();
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    private static void Change(string upper)
    {
        for (var file = 0; file < Changed; file++)
        {
            File.WriteAllText(Path.Combine(upper, $"file-{file}"), $"{Guid.NewGuid()}\n");
        }
    }

    private static async Task<Image> LoadAsync(ImageStore store, string directory, int files)
    {
        var path = Path.Combine(directory, $"{files}.tar");
        using (var archive = new System.Formats.Tar.TarWriter(File.Create(path)))
        {
            for (var file = 0; file < files; file++)
            {
                archive.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, $"file-{file}"));
            }
        }

        return (await store.LoadAsync(path, new() { Format = ImageFormat.RootArchive }))[0];
    }
}
