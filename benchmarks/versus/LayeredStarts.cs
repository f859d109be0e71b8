using System.Formats.Tar;
using ContainerKit;

namespace Versus;

/// <summary>What it costs a start that its root is of many layers, each with a file of its own.</summary>
internal static class LayeredStarts
{
    private const int Many = 120;

    private const string Plain = "a directory", One = "1 layer", All = "120 layers";
    private const string LimitPlain = "limit, a directory", LimitAll = "limit, 120 layers";

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Workshop programs, Verdicts verdicts)
    {
        var directory = Directory.CreateDirectory(Path.Combine(Tmpfs.Path, "layered")).FullName;
        await using var store = ImageStore.Open(Path.Combine(directory, "store"), new() { WritesThrough = false });
        var layers = new List<Digest>();
        for (var i = 0; i < Many; i++)
        {
            layers.Add(await AddAsync(store, programs, Path.Combine(directory, "layer.tar"), i));
        }

        var root = Directory.CreateDirectory(Path.Combine(directory, "root")).FullName;
        await TarFile.ExtractToDirectoryAsync(Archive(programs, Path.Combine(directory, "layer.tar"), 0), root, false);
        await using var one = await store.Layers.CreateWritableAsync(layers[..1]);
        await using var all = await store.Layers.CreateWritableAsync(layers);
        await using var limits = await store.Layers.CreateWritableAsync(layers);
        string[] limit = [programs.Limit, .. Arguments(Path.Combine(directory, "store"), limits)];
        Limit.Check(programs, All, limit, Container.Explain(Options(all.Root)));
        var rounds = await Rounds.RunAsync(
            [
                Start(Plain, RootFilesystem.Directory(root)), Start(One, one.Root), Start(All, all.Root),
                Contender.Process(LimitPlain, [programs.Limit, root]), Contender.Process(LimitAll, limit),
            ],
            warmUp: 10, settings.Rounds, settings.Each);
        Print(rounds);
        verdicts.AtMost($"start from {All} : {Plain}", Statistics.Median(rounds.Ratios(All, Plain)), 1.2);
        verdicts.AtMost($"what {All} add to a start : to the limit's", Added(rounds), 1.3);
    }

    /// <summary>What the layers and their mount cost us, by what they cost the limit.</summary>
    private static double Added(Rounds rounds) =>
        Statistics.Median(Differences(rounds, All, Plain)
            .Zip(Differences(rounds, LimitAll, LimitPlain), (ours, its) => ours / its));

    private static IEnumerable<double> Differences(Rounds rounds, string name, string other) =>
        rounds.Medians(name).Zip(rounds.Medians(other), (one, two) => one - two);

    private static IEnumerable<string> Arguments(string store, WritableLayer changes) =>
    [
        $"{store}/layers", $"{store}/writable/{changes.Id}",
        .. changes.Layers.Reverse().Select(layer => $"layers/{layer.Algorithm}/{layer.Hex}/fs"),
    ];

    private static ContainerOptions Options(RootFilesystem root) => new()
    {
        Command = ["/true"],
        Root = root,
        Init = false,
        StandardOutput = StandardStream.Null,
        StandardError = StandardStream.Null,
        Seccomp = SeccompProfile.Unconfined, // as the limit
    };

    private static Contender Start(string name, RootFilesystem root) => new(name, async () =>
        (await Container.RunAsync(Options(root))).EnsureSuccess());

    private static async Task<Digest> AddAsync(ImageStore store, Workshop programs, string archive, int number)
    {
        var loaded = await store.LoadAsync(
            Archive(programs, archive, number), new() { Format = ImageFormat.RootArchive });
        return loaded[0].Layers[0];
    }

    /// <summary>The archive of a layer; the base has the program and what is mounted on.</summary>
    private static string Archive(Workshop programs, string path, int number)
    {
        using var archive = new TarWriter(File.Create(path));
        archive.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, $"file-{number}"));
        if (number == 0)
        {
            archive.WriteEntry(programs.True, "true");
            foreach (var name in (string[])["proc", "dev", "sys", "tmp", "run"])
            {
                archive.WriteEntry(new PaxTarEntry(TarEntryType.Directory, name) { Mode = (UnixFileMode)0x1ED }); // 0755
            }
        }

        return path;
    }

    private static void Print(Rounds rounds)
    {
        var table = new Table("start to exit, from", "p10 ms", "median ms", $"this : {Plain}", "p10–p90 of rounds");
        foreach (var name in rounds.Names)
        {
            var (times, ratios) = (rounds.Times(name).ToArray(), rounds.Ratios(name, Plain).ToArray());
            table.Add(
                name, Table.Figure(Statistics.Percentile(times, 0.1)), Table.Figure(Statistics.Median(times)),
                Table.Figure(Statistics.Median(ratios)),
                Table.Range(ratios));
        }

        Console.WriteLine($"{table}\n");
    }
}
