using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>The group of a hierarchy that this process is in, and what groups in it have.</summary>
internal sealed record OwnCgroup(CgroupHierarchy Hierarchy)
{
    private readonly Lazy<HashSet<string>?> _files = new(() => ReadFiles(Hierarchy));

    /// <summary>Its directory; null when that lies above the mount.</summary>
    public string? Path { get; } = Hierarchy.DirectoryOf("");

    /// <summary>Whether it is of version 2.</summary>
    public bool IsUnified => Hierarchy.IsUnified;

    /// <summary>Whether nothing else is mounted over it.</summary>
    public bool IsInSight => Path is null || File.Exists($"{Path}/cgroup.procs");

    /// <summary>Whether this user may make groups in it, and put processes there.</summary>
    public bool IsWritable =>
        Path is not null && Syscall.MayWrite(Path) && Syscall.MayWrite($"{Path}/cgroup.procs");

    /// <summary>What it can give to groups in it.</summary>
    public string[] Controllers { get; } = !Hierarchy.IsUnified
        ? [.. Hierarchy.Controllers.Where(name => !name.StartsWith("name=", StringComparison.Ordinal))]
        : [.. HostSurroundings.Lines($"{Hierarchy.DirectoryOf("")}/cgroup.controllers")
            .SelectMany(names => names.Split(' ', StringSplitOptions.RemoveEmptyEntries))];

    /// <summary>
    /// Whether groups have a file of a controller; yes where that cannot be seen, since the controller is there.
    /// </summary>
    public bool Has(string file) => _files.Value is not { } files || files.Contains(file)
        || !files.Any(other => other.StartsWith(file[..(file.IndexOf('.', StringComparison.Ordinal) + 1)],
            StringComparison.Ordinal));

    /// <summary>
    /// The files of a group: this one, or, since the root of a hierarchy has not all that others have, one that is made
    /// in it for that; null when neither is possible.
    /// </summary>
    private static HashSet<string>? ReadFiles(CgroupHierarchy hierarchy)
    {
        if (hierarchy.DirectoryOf("") is not { } own)
        {
            return null;
        }

        var isRoot = hierarchy.IsUnified ? !File.Exists($"{own}/cgroup.type") : File.Exists($"{own}/release_agent");
        try
        {
            return isRoot ? NamesInNew($"{own}/{ContainerGroup.NewName()}") : NamesIn(own);
        }
        catch (Exception refusal) when (refusal is IOException or UnauthorizedAccessException)
        {
            return null; // or another host's sweep took it away
        }
    }

    private static HashSet<string> NamesInNew(string directory)
    {
        Directory.CreateDirectory(directory);
        try
        {
            return NamesIn(directory);
        }
        finally
        {
            Directory.Delete(directory);
        }
    }

    private static HashSet<string> NamesIn(string directory) =>
        Directory.EnumerateFiles(directory).Select(path => System.IO.Path.GetFileName(path)).ToHashSet();
}
