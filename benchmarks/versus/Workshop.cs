using System.Globalization;

namespace Versus;

/// <summary>
/// The temporary directory of a run: the compiled programs and the root they run in. Disposing it deletes it.
/// </summary>
internal sealed class Workshop : IDisposable
{
    private const UnixFileMode Open = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute
        | UnixFileMode.GroupRead | UnixFileMode.GroupExecute | UnixFileMode.OtherRead | UnixFileMode.OtherExecute;

    /// <summary>Compiles the programs and makes the root.</summary>
    public Workshop()
    {
        // The container's root is nobody on the host: it must be able to look up everything on the way to its root.
        Path = Directory.CreateDirectory(Name($"versus-{Environment.ProcessId}"), Open).FullName;
        foreach (var directory in (string[])["proc", "dev", "sys", "tmp", "run"])
        {
            Directory.CreateDirectory(System.IO.Path.Combine(Root, directory), Open);
        }

        Directory.CreateDirectory(Changes, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        Compile("true.c", True, "-static");
        Compile("work.c", Work, "-static");
        Compile("streams.c", Streams, "-static");
        Compile("cgroups.c", Cgroups, "-static");
        Compile("files.c", Files, "-static");
        string[] alone = ["-static", "-nostdlib", "-ffreestanding", "-fno-stack-protector"];
        Compile("limit.c", Limit, [.. alone, .. Versus.Limit.Defines]);
        Compile("supervised.c", Supervised, alone);
        File.WriteAllBytes(System.IO.Path.Combine(Root, "data"), new byte[16 << 20]);
    }

    /// <summary>Where everything lies.</summary>
    public string Path { get; }

    /// <summary>The root file system of every contender.</summary>
    public string Root => System.IO.Path.Combine(Path, "root");

    /// <summary>Where a container's changes to the root go: on the same disk.</summary>
    public string Changes => System.IO.Path.Combine(Path, "changes");

    /// <summary>The program that does nothing, as the host sees it.</summary>
    public string True => System.IO.Path.Combine(Root, "true");

    /// <summary>The program of the steady state, as the host sees it.</summary>
    public string Work => System.IO.Path.Combine(Root, "work");

    /// <summary>The program at the other end of a stream, as the host sees it.</summary>
    public string Streams => System.IO.Path.Combine(Root, "streams");

    /// <summary>The program that uses cgroups without a library.</summary>
    public string Cgroups => System.IO.Path.Combine(Path, "cgroups");

    /// <summary>The program that makes the files of a layer, and nothing else.</summary>
    public string Files => System.IO.Path.Combine(Path, "files");

    /// <summary>The program that starts another one, and waits for it.</summary>
    public string Supervised => System.IO.Path.Combine(Path, "supervised");

    /// <summary>The limit's program.</summary>
    public string Limit => System.IO.Path.Combine(Path, "limit");

    /// <inheritdoc/>
    public void Dispose() => Directory.Delete(Path, recursive: true);

    /// <summary>Runs a command, and returns why it failed; null when it did not.</summary>
    public string? Complaint(IReadOnlyList<string> command)
    {
        var path = System.IO.Path.Combine(Path, "complaint");
        using var said = File.OpenHandle(path, FileMode.Create, FileAccess.Write);
        try
        {
            return new Spawned(command, said, said).Run() is var code and not 0
                ? string.Create(CultureInfo.InvariantCulture,
                    $"exit code {code} {File.ReadAllText(path).ReplaceLineEndings(" ").Trim()}")
                : null;
        }
        catch (IOException missing)
        {
            return missing.Message;
        }
    }

    /// <summary>The first line a command writes; null when there is no such command.</summary>
    public string? FirstLine(IReadOnlyList<string> command)
    {
        var path = System.IO.Path.Combine(Path, "output");
        using (var output = File.OpenHandle(path, FileMode.Create, FileAccess.Write))
        {
            try
            {
                new Spawned(command, output).Run();
            }
            catch (IOException)
            {
                return null;
            }
        }

        return File.ReadLines(path).FirstOrDefault();
    }

    /// <summary>Compiles the program that compiles profiles with libseccomp, which only one part needs.</summary>
    public string MakeSeccomp()
    {
        var program = System.IO.Path.Combine(Path, "seccomp");
        Compile("seccomp.c", program, "-lseccomp");
        return program;
    }

    private void Compile(string source, string program, params string[] options)
    {
        source = System.IO.Path.Combine(AppContext.BaseDirectory, source);
        Must(["gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", program, source, .. options]);
    }

    private void Must(params string[] command)
    {
        if (Complaint(command) is { } complaint)
        {
            throw new InvalidOperationException(
                $"This benchmark needs '{string.Join(' ', command)}', which failed: {complaint}");
        }
    }

    private static string Name(string name) => System.IO.Path.Combine(System.IO.Path.GetTempPath(), name);
}
