using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The open files by which a child enters a container's cgroup before it does anything there.</summary>
internal sealed class Entrances(ContainerGroup group, bool isBirth) : IDisposable
{
    private readonly List<SafeFileHandle> _files = group.OpenEntrances();

    private ContainerGroup? _below;
    private SafeFileHandle? _kill;

    /// <summary>Those of a group; null when there is none.</summary>
    public static Entrances? Of(ContainerGroup? group) => group is null ? null : new(group, isBirth: true);

    /// <summary>The same for another process in a container, which may have made groups in it.</summary>
    public static Entrances? Of(ContainerGroup? group, bool isBirth, bool isDelegated)
    {
        if (group is null)
        {
            return null;
        }

        var below = isDelegated ? group.OpenPopulated() : null;
        try
        {
            return new(below ?? group, isBirth) { _below = below };
        }
        catch
        {
            below?.Leave();
            throw;
        }
    }

    /// <summary>What is seen of the group from within.</summary>
    public CgroupView ViewOf(bool isDelegated) => new(group.Unified is not null, group.OldControllers, isDelegated);

    /// <summary>Has the supervisor keep the group locked.</summary>
    public void HoldLock(LaunchPlan plan)
    {
        foreach (var handle in group.Lock)
        {
            plan.Hold(handle);
        }
    }

    /// <summary>Has all of the group killed when the supervisor is gone; only version 2 can.</summary>
    public void Guard(LaunchPlan plan)
    {
        if (group.Unified is { } unified)
        {
            _kill = Syscall.OpenEntry(unified, "cgroup.kill\0"u8, OpenFlags.O_WRONLY);
            plan.GuardBy(_kill);
        }
    }

    /// <summary>Has a child be born into the group of version 2.</summary>
    public void AddBirthGroup(LaunchPlan plan)
    {
        if (isBirth && group.Unified is { } unified)
        {
            plan.BirthGroup = plan.Inherit(unified);
        }
    }

    /// <summary>Has a child enter what it was not born into.</summary>
    public void AddTo(LaunchPlan plan, LaunchStage stage)
    {
        plan.Because(ContainerGroup.Cause);
        for (var i = plan.BirthGroup is null ? 0 : 1; i < _files.Count; i++)
        {
            stage.Write(plan.Inherit(_files[i]), stage.Data.Add("0"u8), 1);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _files.ForEach(file => file.Dispose());
        _kill?.Dispose();
        _below?.Leave();
    }
}
