using System.Security.Cryptography;
using System.Text;
using ContainerKit.Images;
using ContainerKit.Tests.Layers;

namespace ContainerKit.Fuzz;

/// <summary>What a fuzzer begins with: one of each kind, as small as it can be.</summary>
internal static class Corpus
{
    private static readonly Digest Digest = Digest.FromHash(SHA256.HashData([]));

    private static readonly (string, string)[] Sparse =
        [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "f"), ("GNU.sparse.realsize", "10")];

    /// <summary>Writes a file for each into directories of their kinds.</summary>
    public static void Write(string directory)
    {
        Write(Path.Combine(directory, "tar"), Archives());
        Write(Path.Combine(directory, "documents"), Documents());
    }

    private static IEnumerable<byte[]> Archives() =>
    [
        new TarForge().Member("file", "content").Member("d/", "", '5').Header("l", '2', change: Link("file"))
            .Header("h", '1', change: Link("file")).End(),
        new TarForge().Header("c", '3', change: Device).Header("b", '4', change: Device).Header("p", '6').End(),
        new TarForge().Member("v7", "old", '\0', "\0\0\0\0\0\0").End(),
        new TarForge().Global(("uid", "5")).Pax(("path", "p"), ("size", "3"), ("SCHILY.xattr.user.a", "1"), ("mtime", "-2.5"))
            .Member("f", "abc").End(),
        new TarForge().LongName(new('l', 200)).LongName(new('t', 200), 'K').Header("g", '2', magic: "ustar  \0").End(),
        new TarForge().Member("big", "x", change: block => { block[124] = 0x80; TarForge.Put(block, 125, new('\0', 10)); block[135] = 1; })
            .End(),
        new TarForge().Pax(Sparse).Member("x", "2\n2\n2\n7\n2\n".PadRight(512, '\0') + "abcd").End(),
        new TarForge().Pax(("GNU.sparse.size", "10"), ("GNU.sparse.numblocks", "1"), ("GNU.sparse.name", "f"),
            ("GNU.sparse.map", "2,2")).Member("x", "ab").End(),
        new TarForge().Member("old", "ab", 'S', "ustar  \0", block =>
        {
            TarForge.Put(block, 386, TarForge.Octal(2, 11) + "\0" + TarForge.Octal(2, 11) + "\0");
            TarForge.Put(block, 483, TarForge.Octal(10, 11) + "\0");
        }).End(),
    ];

    private static IEnumerable<byte[]> Documents()
    {
        var blob = new BlobDescriptor { MediaType = MediaTypes.GzipLayer, Digest = Digest, Size = 0, Data = Array.Empty<byte>() };
        yield return new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Layers = [blob],
            Config = blob with { MediaType = MediaTypes.ImageConfig },
            Annotations = Names,
            Subject = blob,
        }.ToJson();
        yield return new ImageIndex
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageIndex,
            Annotations = Names,
            Manifests = [blob with { MediaType = MediaTypes.ImageManifest, Platform = Platform.Host, Annotations = Names }],
        }.ToJson();
        yield return new ImageConfig
        {
            Architecture = "arm64",
            OperatingSystem = "linux",
            Variant = "v8",
            CreatedAt = DateTimeOffset.UnixEpoch,
            Author = "a",
            Layers = new() { Type = "layers", DiffIds = [Digest] },
            History = [new() { CreatedBy = "c", EmptyLayer = true }],
            Defaults = new()
            {
                User = "u:g",
                Environment = ["A=1"],
                EntryPoint = ["e"],
                Command = ["c"],
                Volumes = ["/v"],
                ExposedPorts = ["1/tcp"],
                WorkingDirectory = "/w",
                Labels = Names,
                StopSignal = "SIGRTMIN+3",
                HealthCheck = new() { Test = ["NONE"], Interval = 1 },
            },
        }.ToJson();
        yield return Encoding.UTF8.GetBytes($"host:5000/a/b_c:tag@{Digest}");
    }

    private static Dictionary<string, string> Names => new() { ["a"] = "b" };

    private static Action<byte[]> Link(string target) => block => TarForge.Put(block, 157, target);

    private static void Device(byte[] block) => TarForge.Put(block, 329, "0000001\00000003\0");

    private static void Write(string directory, IEnumerable<byte[]> files)
    {
        Directory.CreateDirectory(directory);
        foreach (var (number, bytes) in files.Index())
        {
            File.WriteAllBytes(Path.Combine(directory, $"{number}"), bytes);
        }
    }
}
