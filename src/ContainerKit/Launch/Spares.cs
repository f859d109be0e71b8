using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// Launchers that have run the first part of a plan and wait for the second, made after a start for the next ones like
/// it. Disposing ends them.
/// </summary>
internal sealed class Spares(Launcher launcher, int most) : IAsyncDisposable
{
    /// <summary>
    /// How long a start has the processors to itself, unless it ends sooner, before the next is prepared.
    /// </summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(10);

    private readonly List<Spare> _waiting = []; // the oldest first
    private byte[] _wanted = [];
    private Task _refill = Task.CompletedTask, _abandoned = Task.CompletedTask;
    private SafeFileHandle? _mounts;
    private EventLoop.Watch _mountsWatch;
    private bool _refills, _disposed;

    /// <summary>Starts a plan, in a spare if one fits, and sees to it that the next one finds a spare.</summary>
    public LaunchedProcess Start(LaunchPlan plan, ReadOnlySpan<SafeFileHandle> standard, bool onlyEnd)
    {
        if (most == 0 || !plan.CanBePrepared)
        {
            return LaunchedProcess.Start(launcher, plan, standard, onlyEnd);
        }

        var launched = StartInSpare(plan, out var firstPart, standard, onlyEnd)
            ?? LaunchedProcess.Start(launcher, plan, standard, onlyEnd);
        Refill(firstPart, launched.Ended);
        return launched;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Task refill;
        lock (_waiting)
        {
            _disposed = true;
            _mountsWatch.Dispose();
            _mounts?.Dispose();
            refill = _refill;
        }

        await refill.ConfigureAwait(false);
        AbandonAll();
        await _abandoned.ConfigureAwait(false);
    }

    private LaunchedProcess? StartInSpare(
        LaunchPlan plan, out byte[] firstPart, ReadOnlySpan<SafeFileHandle> standard, bool onlyEnd)
    {
        Spare? spare = null;
        try
        {
            plan.Encode(RuntimeInformation.ProcessArchitecture);
            firstPart = plan.FirstPart.ToArray();
            while ((spare = Take(firstPart)) is not null)
            {
                if (spare.Process.Complete(plan, standard, onlyEnd))
                {
                    return spare.Process;
                }

                Abandon(spare);
                spare = null;
            }

            return null;
        }
        catch
        {
            plan.Dispose();
            if (spare is not null)
            {
                Abandon(spare);
            }

            throw;
        }
    }

    private Spare? Take(ReadOnlySpan<byte> firstPart)
    {
        lock (_waiting)
        {
            var state = _waiting.Count == 0 ? "" : InheritedState.Read();
            for (var i = 0; i < _waiting.Count; i++)
            {
                if (!_waiting[i].FirstPart.AsSpan().SequenceEqual(firstPart) || _waiting[i].State != state)
                {
                    continue;
                }

                var spare = _waiting[i];
                if (Syscall.HaveMountsChanged(spare.Mounts))
                {
                    AbandonAll(); // they see the host's mounts of then
                    return null;
                }

                _waiting.RemoveAt(i);
                spare.Mounts.Dispose();
                return spare;
            }

            return null;
        }
    }

    private void Refill(byte[] firstPart, Task start)
    {
        lock (_waiting)
        {
            _wanted = firstPart;
            if (!_refills && !_disposed)
            {
                _refills = true;
                _refill = RefillAsync(start);
            }
        }
    }

    private async Task RefillAsync(Task start)
    {
        await Task.WhenAny(start, Task.Delay(Pause)).ConfigureAwait(false);
        while (NextWanted() is { } firstPart)
        {
            try
            {
                Add(Make(firstPart));
            }
            // whatever it is, the next start goes without, and says what is wrong if that concerns it
#pragma warning disable CA1031
            catch (Exception)
#pragma warning restore CA1031
            {
                lock (_waiting)
                {
                    _refills = false;
                }

                return;
            }
        }
    }

    /// <summary>
    /// The first part of which there are too few; null, and the end of the refill, when there is none.
    /// </summary>
    private byte[]? NextWanted()
    {
        lock (_waiting)
        {
            _refills = !_disposed
                && _waiting.FindAll(spare => spare.FirstPart.AsSpan().SequenceEqual(_wanted)).Count < most;
            return _refills ? _wanted : null;
        }
    }

    private Spare Make(byte[] firstPart)
    {
        WatchMounts();
        var mounts = Syscall.Open(MountInfo.OfThisProcess, OpenFlags.O_RDONLY); // before it copies them
        try
        {
            var state = InheritedState.Read();
            return new(LaunchedProcess.Prepare(launcher, firstPart), firstPart, state, mounts);
        }
        catch
        {
            mounts.Dispose();
            throw;
        }
    }

    /// <summary>
    /// When the host's mounts change spares end at once: what was unmounted is in use while they have it.
    /// </summary>
    private void WatchMounts()
    {
        lock (_waiting)
        {
            if (_mounts is null && !_disposed)
            {
                var mounts = Syscall.Open(MountInfo.OfThisProcess, OpenFlags.O_RDONLY);
                _mountsWatch = EventLoop.Add(mounts, AbandonAll, EpollEvents.None);
                _mounts = mounts;
            }
        }
    }

    private void Add(Spare spare)
    {
        lock (_waiting)
        {
            if (_disposed || Syscall.HaveMountsChanged(spare.Mounts))
            {
                Abandon(spare);
                return;
            }

            _waiting.Add(spare);
            if (_waiting.Count > most)
            {
                var oldest = _waiting[0];
                _waiting.RemoveAt(0);
                Abandon(oldest);
            }
        }
    }

    private void AbandonAll()
    {
        lock (_waiting)
        {
            _waiting.ForEach(Abandon);
            _waiting.Clear();
        }
    }

    private void Abandon(Spare spare)
    {
        lock (_waiting)
        {
            spare.Mounts.Dispose();
            _abandoned = Task.WhenAll(_abandoned, spare.Process.AbandonAsync());
        }
    }

    /// <summary>
    /// One that waits, with what was handed down to it by the thread that started it, and the mounts it has a copy of.
    /// </summary>
    private sealed record Spare(LaunchedProcess Process, byte[] FirstPart, string State, SafeFileHandle Mounts);
}
