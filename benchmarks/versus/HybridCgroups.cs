namespace Versus;

/// <summary>
/// crun refuses hosts that mount the unified hierarchy beside the old ones. All contenders run in a private mount
/// namespace without it, so that it is the same for all, and nobody is timed with the tools that take it away.
/// </summary>
internal static class HybridCgroups
{
    private const string Unified = "/sys/fs/cgroup/unified";

    /// <summary>
    /// Starts this program again in such a namespace where the host is hybrid; returns where it is not.
    /// </summary>
    public static void Leave()
    {
        if (File.ReadLines("/proc/self/mountinfo").Any(mount => mount.Split(' ')[4] == Unified))
        {
            Again.Run($"umount {Unified}");
        }
    }
}
