using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The hierarchies of this host, as its mounts are now.</summary>
internal static class CgroupHost
{
    /// <summary>The controller of version 1 that stops processes.</summary>
    public const string Freezer = "freezer";

    private static readonly string[] Ours = ["cpu", "cpuacct", "cpuset", "memory", "blkio", "pids", "devices"];

    private static readonly Lock Reading = new();
    private static SafeFileHandle? _mountInfo;
    private static List<MountInfo>? _mounts;

    /// <summary>
    /// The hierarchies that a process is in and that have something to limit, to count or to stop processes with:
    /// version 2 stops them better than version 1 does.
    /// </summary>
    public static List<CgroupHierarchy> HierarchiesOf(string process)
    {
        var all = CgroupHierarchy.ReadAll(process, Mounts());
        var stopper = all.Exists(hierarchy => hierarchy.IsUnified) ? "" : Freezer;
        return all.FindAll(hierarchy => hierarchy.IsUnified
            || hierarchy.Controllers.Any(controller => controller == stopper || Ours.Contains(controller)));
    }

    /// <summary>Those of cgroups among some mounts that nothing is mounted over.</summary>
    public static List<MountInfo> InSight(IEnumerable<MountInfo> mounts) =>
        [.. mounts.Where(mount => mount.Type is "cgroup" or "cgroup2" && IsInSight(mount))];

    private static List<MountInfo> Mounts()
    {
        lock (Reading)
        {
            if (_mountInfo is null || Syscall.HaveMountsChanged(_mountInfo))
            {
                _mounts = null; // a change is told once, and what follows may fail
                _mountInfo ??= Syscall.Open(MountInfo.OfThisProcess, OpenFlags.O_RDONLY);
            }

            return _mounts ??= InSight(MountInfo.ReadAll());
        }
    }

    private static bool IsInSight(MountInfo mount)
    {
        try
        {
            return Syscall.Status(mount.Target).Mount == mount.Id;
        }
        catch (LinuxException hidden) when (hidden.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.EACCES)
        {
            return false;
        }
    }
}
