namespace ContainerKit;

/// <summary>
/// Where a host makes the cgroups of its containers: opened at the first, when those are removed that hosts left there
/// which were killed.
/// </summary>
internal sealed class HostCgroup(string? path) : IDisposable
{
    private Cgroup? _parent;

    /// <summary>Makes the group of a container; null when it needs none.</summary>
    public ContainerGroup? MakeFor(ContainerOptions options)
    {
        if (path is null && options.Limits is null && options.CpuTimeout == Timeout.InfiniteTimeSpan)
        {
            return null;
        }

        var group = ContainerGroup.Make(LazyInitializer.EnsureInitialized(ref _parent, Open), options.Limits ?? new());
        if (options.CpuTimeout != Timeout.InfiniteTimeSpan && group.ReadStatistics()?.Cpu is null)
        {
            _ = group.RemoveAsync();
            throw new LimitNotSupportedException(
                "Time on CPUs is not counted in the container's cgroup, so that CpuTimeout would not hold: mount "
                + "version 2, or version 1's cpuacct, for this user.");
        }

        return group;
    }

    /// <inheritdoc/>
    public void Dispose() => _parent?.Close();

    private Cgroup Open()
    {
        try
        {
            var parent = path is null ? Cgroup.OfThisProcess() : Cgroup.Open(path);
            _ = ContainerGroup.SweepAsync(parent);
            return parent;
        }
        catch (LinuxException failure)
        {
            throw new LaunchException(
                $"{failure.Call}(\"{failure.Path}\")", ContainerGroup.Cause, failure.Call, failure.Errno,
                "There is no such cgroup in sight: make it first, or mount /sys/fs/cgroup.");
        }
    }
}
