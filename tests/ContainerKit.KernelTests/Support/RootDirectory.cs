namespace ContainerKit.KernelTests;

/// <summary>
/// A directory that can be a container's root: the host's programs come into it as a mount. Beside it, in sight of no
/// container, lies a canary that attacks aim at.
/// </summary>
internal sealed class RootDirectory : IDisposable
{
    private readonly TempDirectory _temp = new();

    public RootDirectory()
    {
        // Whoever the container's user is on the host, it can look into it.
        File.SetUnixFileMode(_temp.Path, (UnixFileMode)0x1ED); // 0755
        foreach (var name in new[]
            { "canary", "root/usr", "root/etc", "root/proc", "root/sys", "root/dev", "root/tmp", "root/run" })
        {
            Directory.CreateDirectory(_temp[name]);
        }

        foreach (var name in new[] { "bin", "sbin", "lib", "lib64" })
        {
            File.CreateSymbolicLink(this[name], $"usr/{name}");
        }

        Options = Script.Shell("true") with
        { Root = RootFilesystem.Directory(Path), Mounts = [new BindMount("/usr", "/usr")] };
    }

    /// <summary>The root.</summary>
    public string Path => _temp["root"];

    /// <summary>What no container may reach.</summary>
    public string Canary => _temp["canary"];

    /// <summary>A container on this root that succeeds.</summary>
    public ContainerOptions Options { get; }

    /// <summary>The path on the host of a path in the root.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <summary>The same container with a further mount.</summary>
    public ContainerOptions With(Mount mount) => Options with { Mounts = [.. Options.Mounts, mount] };

    /// <summary>Puts a link in the place of what is at a path.</summary>
    public void Link(string name, string target)
    {
        if (Directory.Exists(this[name]))
        {
            Directory.Delete(this[name], recursive: true);
        }

        File.CreateSymbolicLink(this[name], target);
    }

    /// <summary>Fails when somebody made, mounted or changed anything in the canary.</summary>
    public void AssertCanaryUntouched() => Assert.Empty(Directory.EnumerateFileSystemEntries(Canary));

    /// <inheritdoc/>
    public void Dispose() => _temp.Dispose();
}
