using System.Diagnostics;
using System.Formats.Tar;

namespace ContainerKit.KernelTests;

/// <summary>A root filesystem made in code: the host's shell, with the libraries it needs, and nothing else.</summary>
internal static class ShellArchive
{
    /// <summary>Writes a tar archive of it.</summary>
    public static void Write(string path)
    {
        using var archive = new System.Formats.Tar.TarWriter(File.Create(path));
        foreach (var file in Files())
        {
            using var content = File.OpenRead(file);
            archive.WriteEntry(new PaxTarEntry(TarEntryType.RegularFile, file[1..])
            { DataStream = content, Mode = (UnixFileMode)0x1ED }); // 0755
        }
    }

    /// <summary>What a shell has in memory to run, under the names by which it looks for it.</summary>
    private static IEnumerable<string> Files()
    {
        const string script = "while read -r line; do echo \"$line\"; done </proc/$$/maps";
        using var shell = Process.Start(new ProcessStartInfo("/bin/sh", ["-c", script])
        { RedirectStandardOutput = true })!;
        var libraries = shell.StandardOutput.ReadToEnd().Split('\n')
            .Select(line => line[(line.LastIndexOf(' ') + 1)..])
            .Where(path => path.Contains(".so", StringComparison.Ordinal))
            .SelectMany(path => new[] { path.Replace("/usr/lib/", "/lib/", StringComparison.Ordinal), path })
            .Distinct();
        var loaders = Directory.Exists("/lib64") ? Directory.GetFiles("/lib64", "ld-linux*") : [];
        return [.. libraries, .. loaders, "/bin/sh"];
    }
}
