using System.Globalization;
using ContainerKit;

namespace Versus;

/// <summary>
/// Groups of this benchmark: in the root of version 1's hierarchies, or beside this process's own in version 2; and
/// what a program without a library would read and write for the same.
/// </summary>
internal static class OwnGroups
{
    private static readonly string[] Limited =
    [
        "cpuset.cpus", "cpuset.mems", "cpu.cfs_period_us", "cpu.cfs_quota_us", "cpu.shares", "cpu.max", "cpu.weight",
        "memory.limit_in_bytes", "memory.max", "pids.max",
    ];

    private static int _last;

    /// <summary>A path that no group has.</summary>
    public static string NewPath() => string.Create(
        CultureInfo.InvariantCulture, $"{Parent}/versus-{Environment.ProcessId}-{Interlocked.Increment(ref _last)}");

    /// <summary>
    /// The files of a group that this process has open, which its statistics are read from: each by its directory.
    /// </summary>
    public static List<(int Directory, string File)> OpenFiles(Cgroup group) =>
        [.. Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(link => new FileInfo(link).LinkTarget ?? "")
            .Select(path => (Find(group.Directories, Path.GetDirectoryName(path)), Path.GetFileName(path)))
            .Where(file => file.Item1 >= 0)];

    /// <summary>What reads the same files of a group.</summary>
    public static string[] Reads(List<(int Directory, string File)> files, Cgroup group) =>
        [.. files.Select(file => $"read {group.Directories[file.Directory]}/{file.File}")];

    /// <summary>What makes a group like another, limits it as that one is limited, and removes it.</summary>
    public static string[] Steps(Cgroup like)
    {
        List<(string Own, string Other)> directories = [.. like.Directories.Select(path => ($"{path}-bare", path))];
        return [
            .. directories.Select(pair => $"mkdir {pair.Own}"),
            .. directories.SelectMany(pair => Limited.Where(file => IsLimited(pair.Other, file)).Select(
                file => $"write {pair.Own}/{file} {File.ReadAllText($"{pair.Other}/{file}").Trim()}")),
            .. directories.Select(pair => $"rmdir {pair.Own}"),
        ];
    }

    private static int Find(IReadOnlyList<string> directories, string? directory) =>
        directories.ToList().FindIndex(known => known == directory);

    // In version 2 a group needs no CPUs of its own.
    private static bool IsLimited(string directory, string file) =>
        File.Exists($"{directory}/{file}")
        && !(file.StartsWith("cpuset.", StringComparison.Ordinal) && File.Exists($"{directory}/cgroup.controllers"));

    private static string Parent { get; } = File.ReadAllLines("/proc/self/cgroup") is [var only]
        ? only[3..Math.Max(3, only.LastIndexOf('/'))]
        : "";
}
