using System.Runtime.ExceptionServices;
using ContainerKit.Linux;

namespace ContainerKit;

/// <content>How things go: out of sight at once, and off the disk by whoever took them away or finds them.</content>
public sealed partial class LayerStore
{
    private readonly CancellationTokenSource _closing = new();
    private Task _sweeping = Task.CompletedTask;

    /// <summary>Takes something away; gives the name under which it waits for its removal, or null.</summary>
    private string? SetAside(StoreDirectory directory, string name)
    {
        var removed = $"{Guid.NewGuid():N}";
        return directory.TryMove(name, _removed, removed) ? removed : null;
    }

    /// <summary>
    /// Takes away what could not be made: why not is said by then, and what stays is the collector's.
    /// </summary>
    private async Task UnmakeAsync(StoreDirectory directory, string name)
    {
        try
        {
            await RemoveAsync(SetAside(directory, name), CancellationToken.None).ConfigureAwait(false);
        }
        catch (LinuxException)
        {
            // CollectGarbageAsync tries it again, and says why it cannot.
        }
    }

    /// <summary>Removes what was taken away, and nothing of others.</summary>
    private Task RemoveAsync(string? removed, CancellationToken cancellationToken) =>
        removed is null ? Task.CompletedTask : Task.Run(
            () =>
            {
                using var removal = new TreeRemoval(Ids);
                Remove(removal, removed);
            },
            cancellationToken);

    /// <summary>
    /// Removes all that was taken away, by this or another process, such as one that was killed: all that can be
    /// removed, before it says what cannot.
    /// </summary>
    private void RemoveAll(CancellationToken cancellationToken)
    {
        ExceptionDispatchInfo? first = null;
        using var removal = new TreeRemoval(Ids);
        foreach (var name in _removed.Names())
        {
            cancellationToken.ThrowIfCancellationRequested();
            try
            {
                Remove(removal, name);
            }
            catch (LinuxException failure)
            {
                first ??= ExceptionDispatchInfo.Capture(failure);
            }
        }

        first?.Throw();
    }

    /// <summary>Removes something unless another process is at it.</summary>
    private void Remove(TreeRemoval removal, string removed)
    {
        var name = StoreDirectory.Bytes(removed);
        Syscall.OpenHeld(
            _removed.Handle, name, OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK, linkItself: false, out var opened);
        using var turn = opened; // null for what no store made
        if ((turn is null || Syscall.TryLockWhole(turn)) && Syscall.TryStatus(_removed.Handle, name, out _))
        {
            removal.Remove(_removed.Handle, name);
        }
    }

    /// <summary>
    /// Takes away the writable layers whose process and container are gone, and begins to remove what others left.
    /// </summary>
    private void BeginSweep()
    {
        foreach (var name in _locks.Names().Where(name => name.StartsWith(WritablePrefix, StringComparison.Ordinal)))
        {
            try
            {
                TrySetAsideTemporary(name[WritablePrefix.Length..]);
            }
            catch (LinuxException)
            {
                // CollectGarbageAsync tries it again, and says why it cannot.
            }
        }

        if (_removed.Names().Count > 0)
        {
            _sweeping = Task.Run(() => RemoveAll(_closing.Token));
        }
    }

    private async Task EndSweepAsync()
    {
        if (_closing.IsCancellationRequested)
        {
            return;
        }

        await _closing.CancelAsync().ConfigureAwait(false);
        await _sweeping.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // what stays is the collector's
        _closing.Dispose();
    }
}
