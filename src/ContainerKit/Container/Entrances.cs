using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The open files by which a child enters a container's cgroup before it does anything there.</summary>
internal sealed class Entrances(ContainerGroup group) : IDisposable
{
    private readonly List<SafeFileHandle> _files = group.OpenEntrances();

    /// <summary>Those of a group; null when there is none.</summary>
    public static Entrances? Of(ContainerGroup? group) => group is null ? null : new(group);

    /// <summary>Whether one file system shows all of the group.</summary>
    public bool AreOfVersion2 => group.IsVersion2;

    /// <summary>Has the supervisor keep the group locked.</summary>
    public void HoldLock(LaunchPlan plan)
    {
        foreach (var handle in group.Lock)
        {
            plan.Hold(handle);
        }
    }

    /// <summary>Has a child that is not born yet enter, and nothing outside of it.</summary>
    public void AddToBirth(LaunchPlan plan)
    {
        if (group.Unified is { } unified)
        {
            plan.BirthGroup = plan.Inherit(unified);
        }

        AddTo(plan, plan.Early, group.Unified is null ? 0 : 1);
    }

    /// <summary>Has a child enter that is in the container already.</summary>
    public void AddTo(LaunchPlan plan, LaunchStage stage) => AddTo(plan, stage, first: 0);

    private void AddTo(LaunchPlan plan, LaunchStage stage, int first)
    {
        plan.Because(ContainerGroup.Cause);
        for (var i = first; i < _files.Count; i++)
        {
            stage.Write(plan.Inherit(_files[i]), stage.Data.Add("0"u8), 1);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _files.ForEach(file => file.Dispose());
}
