using ContainerKit.Linux;

namespace ContainerKit;

/// <content>Giving it to its own processes, who limit groups in it, and not it.</content>
public sealed partial class Cgroup
{
    /// <summary>How many groups the one that is given away may hold: they take the host's memory.</summary>
    private const string MostBelow = "1024";

    /// <summary>How deep they may lie: their paths stay shorter than a path may be, whatever they are called.</summary>
    private const string Deepest = "12";

    /// <summary>
    /// What is given away, of what /sys/kernel/cgroup/delegate lists: the group's own limits stay whose they are. To
    /// the user whose they are already, the kernel leaves all that it lists.
    /// </summary>
    private static readonly string[] Delegated = ["", Processes, "cgroup.threads", Enabled];

    /// <summary>
    /// Lets a user make groups in it, and move processes between these, from its own namespace. That keeps its limits
    /// from that user only as long as it is the last: from one within, made below, the kernel lets its owner change
    /// them. So a container may make no cgroup namespace: see user.max_cgroup_namespaces, and max_user_namespaces.
    /// </summary>
    /// <exception cref="LimitNotSupportedException">Here that user could change its limits, too.</exception>
    internal void DelegateTo(uint user)
    {
        if (WhyNotDelegated(_directories.ConvertAll(directory => directory.Hierarchy)) is var (reason, remedy))
        {
            throw new LimitNotSupportedException($"{reason} {remedy}");
        }

        Unified!.Write("cgroup.max.descendants", MostBelow);
        Unified.Write("cgroup.max.depth", Deepest);
        foreach (var file in user == Syscall.EffectiveUser ? [] : Delegated)
        {
            Syscall.ChangeOwner(Unified.Handle, file, user, $"{Unified.Path}/{file}");
        }
    }

    /// <summary>
    /// Why no group of these hierarchies keeps its limits from a user it is given to, and what would change that; null
    /// when one does.
    /// </summary>
    internal static (string Reason, string Remedy)? WhyNotDelegated(IReadOnlyList<CgroupHierarchy> hierarchies) =>
        hierarchies switch
        {
            [{ IsUnified: true, IsNsDelegate: true }] => null,
            [{ IsUnified: true, Mount: var mount }] => (
                $"A cgroup is delegated where its namespace keeps it from being changed: {mount} is mounted without "
                + "nsdelegate.",
                $"As root of the host: mount -o remount,nsdelegate {mount}."),
            _ => (
                "A cgroup is delegated where the host has version 2 alone: in version 1, who may make groups in one "
                + "may change its limits.",
                "Boot with systemd.unified_cgroup_hierarchy=1."),
        };

    /// <summary>
    /// Opens the first group below that has processes, when it takes none itself, because groups in it are limited;
    /// null when it does.
    /// </summary>
    internal Cgroup? OpenPopulated()
    {
        var unified = Unified!;
        if (unified.Read(Enabled).Length == 0)
        {
            return null;
        }

        foreach (var path in unified.Walk())
        {
            if (HasProcesses(unified, path) && TryOpen(unified, path) is { } below)
            {
                return new(PathOf(path), [below], isOwner: false);
            }
        }

        return null;
    }

    private static bool HasProcesses(CgroupDirectory directory, string below)
    {
        try
        {
            return directory.Read($"{below}/{Processes}").Length > 0;
        }
        catch (LinuxException)
        {
            return false; // it is gone by now, or is for threads
        }
    }

    private static CgroupDirectory? TryOpen(CgroupDirectory directory, string below)
    {
        try
        {
            return directory.OpenChild(below);
        }
        catch (LinuxException gone) when (IsGone(gone))
        {
            return null;
        }
    }
}
