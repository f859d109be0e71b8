using System.Runtime.InteropServices;
using System.Text;

namespace Versus;

/// <summary>
/// The image of the benchmark, made once: a minimal Debian, a shared runtime of .NET, a tree of small files such as
/// node_modules, and a layer that takes some of these away. Its archives lie in memory.
/// </summary>
internal sealed class ImageWorkshop
{
    private const int Packages = 1100, FilesOfPackage = 20, RemovedPackages = 40;

    private readonly List<string> _archives = [];

    private ImageWorkshop(Workshop programs, string path, ImageLayout image) =>
        (Programs, Path, Image) = (programs, path, image);

    /// <summary>What compiled the programs, and runs commands.</summary>
    public Workshop Programs { get; }

    /// <summary>Where it and everything unpacked of it lies.</summary>
    public string Path { get; }

    /// <summary>The image.</summary>
    public ImageLayout Image { get; }

    /// <summary>
    /// Makes the image in memory, packed by gzip; null, with a complaint, where that does not work here.
    /// </summary>
    public static ImageWorkshop? Create(Settings settings, Workshop programs)
    {
        var path = Tmpfs.Path;
        var debian = settings.DebianArchive ?? System.IO.Path.Combine(path, "debian.tar");
        string[] bootstrap = ["mmdebstrap", "--variant=minbase", "--mode=root", "--quiet", Suite(), debian];
        if (!File.Exists(debian) && programs.Complaint(bootstrap) is { } complaint)
        {
            Console.Error.WriteLine($"left out: images: {string.Join(' ', bootstrap)}: {complaint}");
            return null;
        }

        var made = In(programs, path, ImageCodec.Gzip);
        made.Add(debian);
        made.AddRuntime();
        made.AddPackages();
        made.AddWhiteouts();
        made.Image.Complete();
        return made;
    }

    /// <summary>The same image elsewhere, or packed otherwise.</summary>
    public ImageWorkshop In(string path, ImageCodec codec)
    {
        var made = In(Programs, path, codec);
        _archives.ForEach(made.Add);
        made.Image.Complete();
        return made;
    }

    /// <summary>A command that must succeed.</summary>
    public void Must(params string[] command)
    {
        if (Programs.Complaint(command) is { } complaint)
        {
            throw new InvalidOperationException($"'{string.Join(' ', command)}' failed: {complaint}");
        }
    }

    private static ImageWorkshop In(Workshop programs, string path, ImageCodec codec) =>
        new(programs, path, new(System.IO.Path.Combine(path, $"image-{codec.Name}"), codec));

    private void Add(string archive)
    {
        _archives.Add(archive);
        Image.Add(archive);
    }

    private void AddRuntime()
    {
        var tree = Directory.CreateDirectory(System.IO.Path.Combine(Path, "runtime")).FullName;
        var target = Directory.CreateDirectory(System.IO.Path.Combine(tree, "usr/share/dotnet")).FullName;
        var shared = System.IO.Path.GetFullPath("../..", RuntimeEnvironment.GetRuntimeDirectory());
        Must("cp", "-a", shared, target);
        Add("runtime.tar", tree);
    }

    private void AddPackages()
    {
        var tree = Directory.CreateDirectory(System.IO.Path.Combine(Path, "packages")).FullName;
        var random = new Random(5); // the same files each time
        for (var package = 0; package < Packages; package++)
        {
            for (var file = 0; file < FilesOfPackage; file++)
            {
                var name = System.IO.Path.Combine(tree, NameOf(package), $"lib/{file % 4}/module-{file}.js");
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(name)!);
                File.WriteAllText(name, Script(random));
            }
        }

        Add("packages.tar", tree);
    }

    /// <summary>Takes some packages away one by one, and what one holds at once.</summary>
    private void AddWhiteouts()
    {
        var tree = Directory.CreateDirectory(System.IO.Path.Combine(Path, "whiteouts")).FullName;
        for (var package = 0; package < RemovedPackages; package++)
        {
            for (var file = 0; file < FilesOfPackage; file++)
            {
                var name = System.IO.Path.Combine(tree, NameOf(package), $"lib/{file % 4}/.wh.module-{file}.js");
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(name)!);
                File.WriteAllBytes(name, []);
            }
        }

        var opaque = Directory.CreateDirectory(System.IO.Path.Combine(tree, NameOf(RemovedPackages), "lib")).FullName;
        File.WriteAllBytes(System.IO.Path.Combine(opaque, ".wh..wh..opq"), []);
        File.WriteAllText(System.IO.Path.Combine(opaque, "index.js"), "module.exports = {}\n");
        Add("whiteouts.tar", tree);
    }

    private void Add(string name, string tree)
    {
        var archive = System.IO.Path.Combine(Path, name);
        var top = System.IO.Path.GetFileName(Directory.GetDirectories(tree)[0]);
        Must("tar", "-c", "--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@1700000000",
            "--mode=u=rwX,go=rX", "-f", archive, "-C", tree, top);
        Add(archive);
        Directory.Delete(tree, recursive: true);
    }

    // That of the host, whose keys are there.
    private static string Suite() => File.ReadLines("/etc/os-release")
        .FirstOrDefault(line => line.StartsWith("VERSION_CODENAME=", StringComparison.Ordinal))?.Split('=')[1] ?? "stable";

    private static string NameOf(int package) => $"srv/application/node_modules/package-{package:D4}";

    /// <summary>A text that packs about as sources do.</summary>
    private static string Script(Random random)
    {
        string[] words =
        [
            "const", "value", "return", "function", "module", "exports", "require", "=>", "{", "}", "(", ")", ";", "if",
        ];
        var (text, length) = (new StringBuilder(), random.Next(200, 12_000));
        while (text.Length < length)
        {
            text.Append(random.Next(3) == 0 ? $"{random.Next():x}" : words[random.Next(words.Length)])
                .Append(random.Next(8) == 0 ? '\n' : ' ');
        }

        return text.ToString();
    }
}
