using System.Globalization;

namespace ContainerKit.Linux;

/// <summary>A mount as this process sees it; /proc/self/mountinfo, proc(5).</summary>
internal sealed record MountInfo(string Root, string Target, string Options, string Type, string SuperOptions)
{
    /// <summary>Its number, as <see cref="FileStatus.Mount"/> has it.</summary>
    public ulong Id { get; init; }

    /// <summary>Whether mounts that are made elsewhere appear below it: it is shared, or a slave.</summary>
    public bool Propagates { get; init; }

    /// <summary>Whether the mount, whatever its file system, is read-only.</summary>
    public bool IsReadOnly => Options.Split(',').Contains("ro");

    /// <summary>The file that lists them.</summary>
    public const string OfThisProcess = "/proc/self/mountinfo";

    /// <summary>All mounts below this process's root, in the order in which they were made.</summary>
    public static IReadOnlyList<MountInfo> ReadAll() => [.. File.ReadLines(OfThisProcess).Select(Parse)];

    /// <summary>
    /// The mount that a file is on; null when none is in sight, as of sockets, pipes and memory files.
    /// </summary>
    public static MountInfo? Of(in FileStatus file)
    {
        var id = file.Mount;
        return ReadAll().FirstOrDefault(mount => mount.Id == id);
    }

    /// <summary>Reads a line: <c>36 35 98:0 /root /target rw,relatime master:1 - ext4 /dev/sda rw</c>.</summary>
    public static MountInfo Parse(string line)
    {
        var fields = line.Split(' ');
        var dash = Array.IndexOf(fields, "-", 6); // optional fields come before it
        return new(Unescape(fields[3]), Unescape(fields[4]), fields[5], fields[dash + 1], fields[dash + 3])
        {
            Id = ulong.Parse(fields[0], CultureInfo.InvariantCulture),
            Propagates = fields[6..dash].Any(field => field.Split(':')[0] is "shared" or "master"),
        };
    }

    /// <summary>Undoes the octal escapes of space, tab, newline and backslash.</summary>
    private static string Unescape(string path)
    {
        for (var i = path.IndexOf('\\', StringComparison.Ordinal); i >= 0; i = path.IndexOf('\\', i + 1))
        {
            path = $"{path[..i]}{(char)Convert.ToInt32(path.Substring(i + 1, 3), 8)}{path[(i + 4)..]}";
        }

        return path;
    }
}
