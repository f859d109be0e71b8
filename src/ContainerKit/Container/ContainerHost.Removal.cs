using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

public sealed partial class ContainerHost
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(2);

    /// <summary>
    /// Kills a detached container at once, waits until it is gone, and removes what is kept of it; harmless when there
    /// is none. One that a host is starting is waited for.
    /// </summary>
    /// <exception cref="ArgumentException">It is no id.</exception>
    /// <exception cref="LaunchException">The state directory cannot be used, or what is in there is too damaged to end
    /// it.</exception>
    public async Task RemoveAsync(string id, CancellationToken cancellationToken = default)
    {
        ContainerId.Validate(id);
        using var directory = Detached.Open(id);
        if (directory is not null)
        {
            await RemoveAsync(directory, Task.CompletedTask, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>
    /// The same of this one, and of no later one with its id, once who waits for its end has read what there is.
    /// </summary>
    internal async Task RemoveAsync(DetachedDirectory directory, Task read, CancellationToken cancellationToken)
    {
        var isAsked = directory.Send(Signal.SIGKILL); // whether or not its lock says that it lives
        var delay = 1;
        for (var seen = Look(directory); seen.State is ContainerState.Running or ContainerState.Starting;
            seen = Look(directory), isAsked = directory.Send(Signal.SIGKILL))
        {
            var frozen = ContainerGroup.At(directory.ReadRecord()?.Cgroup);
            frozen?.LetGo();
            frozen?.Leave();
            using var supervisor = seen.Supervisor;
            await (supervisor is null || (isAsked && frozen is { HoldsBackKills: true }) // and it is frozen again
                ? Task.Delay(delay = Math.Min(2 * delay, 50), cancellationToken)
                : EndAsync(directory, supervisor, isAsked, cancellationToken)).ConfigureAwait(false);
        }

        await read.WaitAsync(Patience, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        var group = ContainerGroup.At(directory.ReadRecord()?.Cgroup);
        if (!await Detached.TryRemoveAsync(directory, cancellationToken).ConfigureAwait(false))
        {
            group?.Leave();
            await RemoveAsync(directory, read, cancellationToken).ConfigureAwait(false);
            return;
        }

        await (group?.RemoveAsync() ?? Task.CompletedTask).ConfigureAwait(false);
    }

    /// <summary>Waits for the end of a supervisor; not for long, when that could not be asked for it.</summary>
    private static async Task EndAsync(
        DetachedDirectory directory, SafeFileHandle supervisor, bool isAsked, CancellationToken cancellationToken)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(isAsked ? Timeout.InfiniteTimeSpan : Patience); // it may be ending
        try
        {
            await EventLoop.ReadyAsync(supervisor, patience.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Unattachable(
                directory.Id, Errno.EINVAL,
                "It lives, but the file by which it is asked to end is missing or damaged: kill its supervisor, "
                + $"process {directory.ReadStatus().Supervisor}, and remove it again.");
        }
    }
}
