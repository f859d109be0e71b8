using System.Diagnostics;
using ContainerKit.Linux;

namespace ContainerKit;

/// <content>All processes in it end, and it is removed.</content>
public sealed partial class Cgroup
{
    private const string KillAll = "cgroup.kill"; // from Linux 5.14

    private const string Populated = "populated 1";

    private static readonly TimeSpan LongestKill = TimeSpan.FromSeconds(10);

    /// <summary>After which those are killed who came in since.</summary>
    private static readonly TimeSpan AgainAfter = TimeSpan.FromMilliseconds(100);

    private readonly Lock _disposing = new();
    private Task? _disposed;

    /// <summary>
    /// Kills all processes in it and in the groups below, frozen ones and those born meanwhile, and completes when
    /// they are gone. Where single threads are in it, as version 1 and groups for threads of version 2 have them, their
    /// processes are killed whole.
    /// </summary>
    /// <exception cref="LinuxException">ETIMEDOUT: a process did not end in ten seconds, as one that waits for a device
    /// does not. EACCES or EPERM: this user may not kill them. ENOTSUP: single threads of this process are in it; none
    /// was killed. Disposing a group that was made for threads puts them back.</exception>
    public async Task KillAsync(CancellationToken cancellationToken = default)
    {
        var start = Stopwatch.GetTimestamp();
        for (var delay = 1; IsPopulated; delay = Math.Min(2 * delay, 50))
        {
            if (Stopwatch.GetElapsedTime(start) > LongestKill)
            {
                throw new LinuxException("kill", Errno.ETIMEDOUT, _directories[0].Path);
            }

            try
            {
                var areAll = await KillOnceAsync(cancellationToken).ConfigureAwait(false);
                await EmptiedAsync(areAll ? AgainAfter : TimeSpan.FromMilliseconds(delay), cancellationToken)
                    .ConfigureAwait(false);
            }
            catch (LinuxException gone) when (IsGone(gone) && !_directories[0].IsThere)
            {
                return;
            }
        }
    }

    /// <summary>Whether there are processes in it or in the groups below; false when it is gone.</summary>
    public bool IsPopulated
    {
        get
        {
            try
            {
                return _directories[0].IsUnified
                    ? _directories[0].Read(State).Contains(Populated, StringComparison.Ordinal)
                    : ReadAll(_directories[0], Processes).Any();
            }
            catch (LinuxException gone) when (IsGone(gone))
            {
                return false;
            }
        }
    }

    /// <summary>Removes it, with the groups below; harmless when it is gone.</summary>
    /// <exception cref="LinuxException">EBUSY: there are processes in it.</exception>
    public void Remove()
    {
        if (!TryRemove())
        {
            throw new LinuxException("rmdir", Errno.EBUSY, _directories[0].Path);
        }
    }

    /// <summary>
    /// Kills what runs in a group that was created, and removes it with all below; threads go back to the group above.
    /// One that was opened is closed, and nothing else.
    /// </summary>
    /// <exception cref="LinuxException">ETIMEDOUT or EBUSY: a process did not end in ten seconds. ENOTSUP: single
    /// threads of this process are in it, which was not made for threads.</exception>
    public async ValueTask DisposeAsync()
    {
        Task disposed;
        lock (_disposing)
        {
            disposed = _directories[0].IsClosed ? Task.CompletedTask : _disposed ??= RemoveAndCloseAsync();
        }

        await disposed.ConfigureAwait(false);
    }

    private async Task RemoveAndCloseAsync()
    {
        try
        {
            var start = Stopwatch.GetTimestamp();
            for (var delay = 1; _isOwner && !_directories[0].IsClosed && !TryRemove(); delay = Math.Min(2 * delay, 50))
            {
                if (Stopwatch.GetElapsedTime(start) > LongestKill)
                {
                    throw new LinuxException("rmdir", Errno.EBUSY, _directories[0].Path);
                }

                await EmptyAsync().ConfigureAwait(false);
                if (delay > 1)
                {
                    await Task.Delay(delay).ConfigureAwait(false); // another puts processes in
                }
            }
        }
        finally
        {
            Close();
        }
    }

    private async Task EmptyAsync()
    {
        if (_isForThreads)
        {
            _directories.ForEach(directory => directory.MoveThreadsUp());
            return;
        }

        LiftCpuLimit();
        await KillAsync(CancellationToken.None).ConfigureAwait(false);
        foreach (var directory in _directories)
        {
            IfThere(() => KillMembers(directory)); // whom somebody put into it in this hierarchy alone
        }
    }

    /// <summary>
    /// Lets those who are killed in a group that is to go, and in those below, die as fast as they can, which takes
    /// time on CPUs; as far as this user may.
    /// </summary>
    internal void LiftCpuLimit()
    {
        IfMay(() =>
        {
            if (DirectoryOf("cpu", "cpu") is { } directory)
            {
                directory.Walk().Prepend(".").ToList().ForEach(
                    path => IfMay(() => CpuController.Lift(directory, path)));
            }
        });

        static void IfMay(Action lift)
        {
            try
            {
                lift();
            }
            catch (LinuxException)
            {
                // It takes its time, then.
            }
        }
    }

    private bool TryRemove()
    {
        ReadForWatches();
        var isGone = true;
        foreach (var directory in _directories)
        {
            isGone &= directory.RemoveTree();
        }

        return isGone;
    }

    /// <summary>Waits until nobody is in it, but no longer than this: version 1 does not tell.</summary>
    private async Task EmptiedAsync(TimeSpan longest, CancellationToken cancellationToken)
    {
        if (!_directories[0].IsUnified)
        {
            await (IsPopulated ? Task.Delay(longest, cancellationToken) : Task.CompletedTask).ConfigureAwait(false);
            return;
        }

        using var file = _directories[0].OpenFile(State, OpenFlags.O_RDONLY);
        if (!Syscall.ReadText(file).Contains(Populated, StringComparison.Ordinal))
        {
            return;
        }

        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        patience.CancelAfter(longest);
        try
        {
            await EventLoop.ReadyAsync(file, EpollEvents.EPOLLPRI | EpollEvents.EPOLLET, patience.Token)
                .ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
        }
    }

    /// <summary>Kills those who are in it; no when some may have been born meanwhile.</summary>
    private async Task<bool> KillOnceAsync(CancellationToken cancellationToken)
    {
        if (_directories[0].IsUnified)
        {
            return KillUnified(_directories[0]);
        }

        RequireNoneOfThisProcess(_directories[0]);
        try
        {
            await FreezeAsync(cancellationToken).ConfigureAwait(false); // or some are born faster than killed
        }
        catch (Exception failure) when (failure is LimitNotSupportedException
            or LinuxException { Errno: Errno.ETIMEDOUT or Errno.ENOENT or Errno.ENODEV })
        {
            // Nothing to stop them with, or no more: another removes the group, hierarchy by hierarchy.
        }

        KillMembers(_directories[0]);
        ThawAll();
        return false;
    }

    private static bool KillUnified(CgroupDirectory directory)
    {
        try
        {
            directory.Write(KillAll, "1");
            return true;
        }
        catch (LinuxException threaded) when (threaded.Errno is Errno.ENOTSUP)
        {
            KillByThreads(directory);
            return false;
        }
    }

    /// <summary>The kernel kills no group for threads, since their processes have others elsewhere.</summary>
    private static void KillByThreads(CgroupDirectory directory)
    {
        var threads = ReadAll(directory, directory.Threads)
            .Select(thread => (Process: ProcessNumbers.ProcessOf(thread) ?? 0, Thread: thread)).ToList();
        if (threads.Exists(thread => thread.Process == Environment.ProcessId))
        {
            throw new LinuxException("kill", Errno.ENOTSUP, directory.Path);
        }

        threads.ForEach(thread => Kill(
            directory, thread.Process, FormattableString.Invariant($"{thread.Process}/task/{thread.Thread}")));
    }

    /// <summary>Refuses version 1's single threads of this process, before they are frozen or killed.</summary>
    private static void RequireNoneOfThisProcess(CgroupDirectory directory)
    {
        if (ReadAll(directory, Processes).Contains(Environment.ProcessId) && !IsBelow(directory, "self"))
        {
            throw new LinuxException("kill", Errno.ENOTSUP, directory.Path);
        }
    }

    private static void KillMembers(CgroupDirectory directory)
    {
        var processes = ReadAll(directory, Processes).ToHashSet();
        foreach (var process in processes)
        {
            Kill(directory, process, FormattableString.Invariant($"{process}"));
        }

        if (!directory.IsUnified)
        {
            KillForThreads(directory, processes); // version 1 names processes whose first thread is elsewhere, too
        }
    }

    private static void KillForThreads(CgroupDirectory directory, HashSet<int> processes)
    {
        foreach (var thread in ReadAll(directory, directory.Threads).Where(thread => !processes.Contains(thread)))
        {
            if (ProcessNumbers.ProcessOf(thread) is { } process && process != Environment.ProcessId)
            {
                Kill(directory, process, FormattableString.Invariant($"{process}/task/{thread}"));
            }
        }
    }

    /// <summary>Kills a process while it, or a thread of it, is in a group.</summary>
    private static void Kill(CgroupDirectory directory, int process, string member)
    {
        // By its descriptor: the number may be another's by now, unless it is here still.
        using var opened = process > 0 ? Syscall.PidfdOpen(process) : null; // 0 is outside this pid namespace
        if (opened is not null && IsBelow(directory, member))
        {
            Syscall.Kill(opened);
        }
    }

    private static IEnumerable<int> ReadAll(CgroupDirectory directory, string file) =>
        directory.Walk().Prepend(".").SelectMany(path =>
        {
            try
            {
                return ReadIds(directory, $"{path}/{file}");
            }
            catch (LinuxException gone) when (IsGone(gone))
            {
                return []; // it was removed meanwhile, and so empty
            }
        });

    private static bool IsBelow(CgroupDirectory directory, string process)
    {
        try
        {
            return CgroupHost.HierarchiesOf(process).Exists(hierarchy =>
                hierarchy.Mount == directory.Hierarchy.Mount && hierarchy.DirectoryOf("") is { } path
                && $"{path}/".StartsWith(directory.Path + "/", StringComparison.Ordinal));
        }
        catch (LinuxException ended) when (ended.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return false;
        }
    }
}
