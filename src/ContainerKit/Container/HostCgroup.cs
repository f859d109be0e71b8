namespace ContainerKit;

/// <summary>
/// Where a host makes the cgroups of its containers: opened at the first, when those are removed that hosts left there
/// which were killed, and again when somebody removed it and made another. What could not be removed is told at the
/// end.
/// </summary>
internal sealed class HostCgroup(string? path) : IDisposable
{
    private readonly Lock _changing = new();
    private readonly List<Task> _removals = [];
    private Cgroup? _parent;
    private bool _isDisposed;

    /// <summary>Makes the group of a container; null when it needs none.</summary>
    public ContainerGroup? MakeFor(ContainerOptions options)
    {
        if (path is null && options is { Limits: null, DelegateCgroup: false }
            && options.CpuTimeout == Timeout.InfiniteTimeSpan)
        {
            return null;
        }

        var owner = OwnerOf(options);
        var group = Make(options.Limits ?? new());
        try
        {
            if (options.CpuTimeout != Timeout.InfiniteTimeSpan && group.ReadStatistics()?.Cpu is null)
            {
                throw new LimitNotSupportedException(
                    "Time on CPUs is not counted in the container's cgroup, so that CpuTimeout would not hold: mount "
                    + "version 2, or version 1's cpuacct, for this user.");
            }

            if (owner is { } user)
            {
                group.ReadStatistics(); // has the files open that a program of this user may close to all
                group.DelegateTo(user);
            }

            return group;
        }
        catch
        {
            _ = RemoveAsync(group);
            throw;
        }
    }

    /// <summary>Removes the group of a container.</summary>
    public Task RemoveAsync(ContainerGroup group)
    {
        var removal = group.RemoveAsync();
        if (!removal.IsCompletedSuccessfully)
        {
            Remember(removal);
        }

        return removal;
    }

    /// <summary>Completes when all that was to be removed is.</summary>
    /// <exception cref="LinuxException">ETIMEDOUT or EBUSY: something is not, since a process in it does not
    /// end.</exception>
    public Task RemovedAsync()
    {
        lock (_changing)
        {
            return Task.WhenAll(_removals);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_changing)
        {
            _isDisposed = true;
            _parent?.Close();
            _parent = null;
        }
    }

    /// <summary>The host's id of the user whom the group is given to; null when it is given to nobody.</summary>
    private static uint? OwnerOf(ContainerOptions options) => !options.DelegateCgroup ? null
        : options.IdMap.Outside(UserLookup.Find(options).User) ?? throw new ArgumentException(
            $"DelegateCgroup needs ids that are known before the start, unlike those of {options.IdMap}: as root use "
            + "IdMap.Automatic, IdMap.Ranges or IdMap.SingleIdAs.");

    private ContainerGroup Make(CgroupLimits limits)
    {
        var parent = Volatile.Read(ref _parent) ?? Open(before: null);
        try
        {
            return ContainerGroup.Make(parent, limits);
        }
        catch (Exception failure) when (IsLost(parent, failure))
        {
            return ContainerGroup.Make(Open(before: parent), limits);
        }
    }

    /// <summary>Whether it failed because somebody removed the parent, after which another thread may have closed it.
    /// </summary>
    private bool IsLost(Cgroup parent, Exception failure)
    {
        lock (_changing)
        {
            return (failure is ObjectDisposedException || (failure is LinuxException gone && Cgroup.IsGone(gone)))
                && (_parent != parent || !parent.IsThere);
        }
    }

    /// <summary>Opens the parent, unless another thread did in place of the one that was open before.</summary>
    private Cgroup Open(Cgroup? before)
    {
        lock (_changing)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, typeof(ContainerHost));
            if (_parent != before)
            {
                return _parent!;
            }

            var parent = Find();
            before?.Close();
            Remember(Task.Run(() => ContainerGroup.SweepAsync(parent))); // it looks at what may be on any file system
            Volatile.Write(ref _parent, parent);
            return parent;
        }
    }

    private Cgroup Find()
    {
        try
        {
            return path is null ? Cgroup.OfThisProcess() : Cgroup.Open(path);
        }
        catch (LinuxException failure)
        {
            throw new LaunchException(
                $"{failure.Call}(\"{failure.Path}\")", ContainerGroup.Cause, failure.Call, failure.Errno,
                Cgroup.IsGone(failure) ? "There is no such cgroup in sight: make it first, or mount /sys/fs/cgroup."
                : null);
        }
    }

    private void Remember(Task removal)
    {
        lock (_changing)
        {
            _removals.RemoveAll(done => done.IsCompletedSuccessfully);
            _removals.Add(removal);
        }
    }
}
