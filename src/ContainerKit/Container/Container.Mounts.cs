using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

public sealed partial class Container
{
    private readonly SemaphoreSlim _mounting = new(1);
    private readonly Dictionary<string, Stack<SafeFileHandle>> _mounted = [];
    private LaunchedProcess? _changing;

    /// <summary>
    /// Adds a mount to the container, which its programs see from then on. What is missing of its target is made where
    /// the root can be written to. A mount with <see cref="HostMount.MapIds"/> can only be there from the start.
    /// Cancelling keeps it from beginning; what has begun is done.
    /// </summary>
    /// <exception cref="ArgumentException">The mount cannot be what is meant; nothing was made.</exception>
    /// <exception cref="LaunchException">A step failed, or the container has ended; nothing was mounted.</exception>
    /// <exception cref="IsolationUnavailableException">It is <see cref="Isolation.Restricted"/>.</exception>
    public async Task MountAsync(Mount mount, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(mount);
        CheckHasNamespaces();
        OptionsCheck.ValidateMount(_options, mount);
        await _mounting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            var tree = await ChangeMountsAsync(
                namespaces => ContainerPlan.MakeMount(_options, namespaces, mount)).ConfigureAwait(false);
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
                namespaces => ContainerPlan.MakeUnmount(_options, namespaces, target, mount)).ConfigureAwait(false);
            Forget(target);
        }
        finally
        {
            _mounting.Release();
        }
    }

    /// <summary>
    /// Runs a plan to its end, and gives what it opened. To kill it halfway would leave a mount that nobody knows, but
    /// for at the container's end.
    /// </summary>
    private async Task<SafeFileHandle?> ChangeMountsAsync(Func<List<JoinedNamespace>, LaunchPlan> make)
    {
        var launched = _entrance.WithNamespaces(
            _options.AllNamespaces, namespaces => _host.Launch(make(namespaces), StandardStreams.None));
        lock (_mounted)
        {
            _changing = launched;
        }

        if (!IsRunning)
        {
            launched.Send(Signal.SIGKILL);
        }

        await ((Task)launched.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var opened = launched.TakeOpened();
        if (launched.Ended is { IsCompletedSuccessfully: true, Result.Value: 0 })
        {
            return opened;
        }

        opened?.Dispose();
        try
        {
            await launched.Ended.ConfigureAwait(false);
        }
        catch (LaunchException failure)
        {
            throw await _entrance.SaidOfEndAsync(failure).ConfigureAwait(false);
        }

        throw IsRunning ? LaunchFailure.SupervisorGone() : LaunchFailure.ContainerGone();
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
            _changing?.Send(Signal.SIGKILL);
            foreach (var mount in _mounted.Values.SelectMany(mounts => mounts))
            {
                mount.Dispose();
            }

            _mounted.Clear();
        }
    }
}
