using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

public sealed partial class Container
{
    private readonly SemaphoreSlim _mounting = new(1);
    private readonly Dictionary<string, Stack<SafeFileHandle>> _mounted = [];

    /// <summary>
    /// Adds a mount to the container, which its programs see from then on. What is missing of its target is made where
    /// the root can be written to. A mount with <see cref="HostMount.MapIds"/> can only be there from the start.
    /// Cancelling keeps it from beginning; what has begun is done.
    /// </summary>
    /// <exception cref="ArgumentException">The mount cannot be what is meant; nothing was made.</exception>
    /// <exception cref="LaunchException">A step failed, or the container has ended; nothing was mounted.</exception>
    public async Task MountAsync(Mount mount, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(mount);
        if (mount is HostMount { MapIds: true })
        {
            throw new ArgumentException(
                "MapIds is for mounts of a container's options: inside it nobody may map the host's ids.",
                nameof(mount));
        }

        OptionsCheck.Validate(_options with { Mounts = [mount] });
        await _mounting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var tree = await ChangeMountsAsync(
                (process, mounts) => ContainerPlan.MakeMount(_options, process, mounts, mount)).ConfigureAwait(false);
            Keep(mount.Target, tree!);
        }
        finally
        {
            _mounting.Release();
        }
    }

    /// <summary>
    /// Takes away what <see cref="MountAsync"/> mounted last at a target; programs that have files of it open keep
    /// these. Cancelling keeps it from beginning; what has begun is done.
    /// </summary>
    /// <exception cref="ArgumentException">Nothing was mounted there, or it was taken away.</exception>
    /// <exception cref="LaunchException">A step failed, or the container has ended.</exception>
    public async Task UnmountAsync(string target, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(target);
        await _mounting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var mount = Mounted(target)
                ?? throw new ArgumentException(
                    $"MountAsync has mounted nothing at '{target}' that is still there.", nameof(target));
            await ChangeMountsAsync(
                (process, mounts) => ContainerPlan.MakeUnmount(_options, process, mounts, target, mount))
                    .ConfigureAwait(false);
            Forget(target);
        }
        finally
        {
            _mounting.Release();
        }
    }

    /// <summary>
    /// Runs a plan to its end, and gives what it opened. To kill it halfway would leave a mount that nobody knows.
    /// </summary>
    private async Task<SafeFileHandle?> ChangeMountsAsync(Func<SafeFileHandle, SafeFileHandle, LaunchPlan> make)
    {
        var launched = LaunchAmongMounts(make);
        await ((Task)launched.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var opened = launched.TakeOpened();
        if (launched.Ended is { IsCompletedSuccessfully: true, Result.Value: 0 })
        {
            return opened;
        }

        opened?.Dispose();
        await launched.Ended.ConfigureAwait(false);
        throw LaunchFailure.SupervisorGone();
    }

    private LaunchedProcess LaunchAmongMounts(Func<SafeFileHandle, SafeFileHandle, LaunchPlan> make)
    {
        if (_launched.OpenMounts() is not var (process, mounts))
        {
            throw LaunchFailure.ContainerGone();
        }

        using (process)
        using (mounts)
        {
            return _host.Launch(make(process, mounts), StandardStreams.None);
        }
    }

    private SafeFileHandle? Mounted(string target)
    {
        lock (_mounted)
        {
            return _mounted.TryGetValue(target, out var mounts) ? mounts.Peek() : null;
        }
    }

    private void Keep(string target, SafeFileHandle mount)
    {
        lock (_mounted)
        {
            if (!IsRunning)
            {
                mount.Dispose();
                return;
            }

            if (!_mounted.TryGetValue(target, out var mounts))
            {
                _mounted[target] = mounts = new();
            }

            mounts.Push(mount);
        }
    }

    private void Forget(string target)
    {
        lock (_mounted)
        {
            if (_mounted.TryGetValue(target, out var mounts))
            {
                mounts.Pop().Dispose();
                if (mounts.Count == 0)
                {
                    _mounted.Remove(target);
                }
            }
        }
    }

    private void ForgetMounts()
    {
        lock (_mounted)
        {
            foreach (var mount in _mounted.Values.SelectMany(mounts => mounts))
            {
                mount.Dispose();
            }

            _mounted.Clear();
        }
    }
}
