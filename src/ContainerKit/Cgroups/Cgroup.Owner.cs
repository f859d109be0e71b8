using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <content>
/// Whose it is: who made it holds it by a lock, which ends with the last process that has it. In version 1 it is on
/// directories that anybody may open: another user, or what runs in it, can lock one that was left, and so keep it from
/// being removed, but take away nothing that is held.
/// </content>
public sealed partial class Cgroup
{
    private const string Keeper = "user.containerkit"; // cgroups have such attributes from Linux 5.7

    /// <summary>Whether it is there still.</summary>
    internal bool IsThere => _directories.TrueForAll(directory => directory.IsThere);

    /// <summary>What its lock is on.</summary>
    internal IEnumerable<SafeFileHandle> Locks => _directories.Select(directory => directory.Lock);

    /// <summary>Its directory of version 2, which is the first; null where there is none.</summary>
    internal SafeFileHandle? UnifiedHandle => _directories[0] is { IsUnified: true } unified ? unified.Handle : null;

    /// <summary>The controllers of each hierarchy of version 1 that it is in.</summary>
    internal IReadOnlyList<string[]> OldControllers =>
        [.. _directories.Where(directory => !directory.IsUnified).Select(directory => directory.Hierarchy.Controllers)];

    /// <summary>
    /// Opens a group by directories of this host, as its <see cref="Directories"/> were; null when it is gone. It is
    /// removed when it is disposed.
    /// </summary>
    internal static Cgroup? OpenDirectories(IReadOnlyList<string> paths)
    {
        var hierarchies = CgroupHost.HierarchiesOf("self");
        var opened = new List<CgroupDirectory>();
        foreach (var path in paths)
        {
            try
            {
                if (hierarchies.Find(hierarchy =>
                    path.StartsWith(hierarchy.Mount + "/", StringComparison.Ordinal)) is { } hierarchy)
                {
                    opened.Add(CgroupDirectory.OpenOwn(hierarchy, path));
                }
            }
            catch (LinuxException gone) when (IsGone(gone))
            {
            }
        }

        return opened.Count == 0 ? null : new("", opened, isOwner: true);
    }

    /// <summary>Makes a group in this one that is locked before it has limits, so that nobody takes it away.</summary>
    /// <exception cref="LinuxException">EEXIST: it is there, or another has taken it for one that was left, and removes
    /// it. What else the kernel refuses is about the limits.</exception>
    /// <inheritdoc cref="Create"/>
    internal Cgroup CreateLockedChild(string name, CgroupLimits limits)
    {
        CgroupName.Validate(name);
        limits.Validate();
        EnableControllers(limits, OfProcesses);
        return Make(name, child =>
        {
            if (!child.TryLock())
            {
                throw new LinuxException("flock", Errno.EEXIST, child.Directories[0]);
            }

            child.Write(limits);
        });
    }

    /// <summary>
    /// Locks it in all hierarchies, since other processes may see other ones; false when another has it, or it is gone.
    /// </summary>
    internal bool TryLock()
    {
        try
        {
            return _directories.TrueForAll(directory => Syscall.TryLockWhole(directory.Lock)) && IsThere;
        }
        catch (LinuxException gone) when (IsGone(gone) && !IsThere)
        {
            return false;
        }
    }

    /// <summary>
    /// Writes on it, in all hierarchies as it is locked, what it is kept for when nobody has it locked. Where it cannot
    /// bear that, it is not kept.
    /// </summary>
    internal void WriteKeeper(string path)
    {
        foreach (var directory in _directories)
        {
            try
            {
                Syscall.SetAttribute(directory.Handle, Keeper, Encoding.UTF8.GetBytes(path));
            }
            catch (LinuxException)
            {
            }
        }
    }

    /// <summary>What is written on it to be kept for; null when nothing is.</summary>
    internal string? ReadKeeper()
    {
        foreach (var directory in _directories)
        {
            if (Syscall.ReadAttribute(Syscall.PathOf(directory.Handle), Keeper) is { } path)
            {
                return Encoding.UTF8.GetString(path);
            }
        }

        return null;
    }
}
