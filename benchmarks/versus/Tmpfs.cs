namespace Versus;

/// <summary>
/// A file system in memory in a mount namespace of this program's own, so that no disk is measured, and nothing is left
/// behind.
/// </summary>
internal static class Tmpfs
{
    /// <summary>Where it is: a directory that every system has, and that nobody needs here.</summary>
    public const string Path = "/media";

    private const string Name = "versus";

    /// <summary>Starts this program again with it; returns where it is there.</summary>
    public static void Enter()
    {
        if (!File.ReadLines("/proc/self/mountinfo").Any(
            mount => mount.Contains($" - tmpfs {Name} ", StringComparison.Ordinal)))
        {
            Again.Run($"mount -t tmpfs -o size=80%,nr_inodes=0,mode=755 {Name} {Path}");
        }
    }
}
