using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

public sealed partial class ContainerHost
{
    /// <summary>
    /// Starts a container that outlives this process, and returns once its program was executed. It is known by its id
    /// to all hosts of this user with this state directory, until it is removed; how it ended is kept. Its output is
    /// <see cref="StandardStream.Null"/> or a <see cref="StandardStream.Log"/>. Cancelling kills what was started,
    /// waits until it is gone, and throws.
    /// </summary>
    /// <exception cref="ArgumentException">The id or the options cannot be what is meant; nothing was made.</exception>
    /// <exception cref="LaunchException">The id is taken, the state directory cannot be used, or a step of the start
    /// failed; all was unmade.</exception>
    public async Task<DetachedContainer> StartDetachedAsync(
        string id, ContainerOptions options, CancellationToken cancellationToken = default)
    {
        ContainerId.Validate(id);
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        options = OptionsSnapshot.Of(options);
        OptionsCheck.ValidateDetached(options);
        if (options.IdMap.NeedsHost && options.NewNamespaces.HasFlag(NamespaceKinds.User))
        {
            options = await WithIdsAsync(options, cancellationToken).ConfigureAwait(false);
        }

        try
        {
            await MakeDetachedAsync(id, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            // The supervisor holds what was reserved, if there is one.
            options.IdMap.Reservation?.Leave();
        }

        var container = await AttachAsync(id, cancellationToken).ConfigureAwait(false);
        Events.Tell(ContainerEventKind.Started, container.Pid, id);
        return container;
    }

    /// <summary>Attaches to a detached container of this user, which may have ended.</summary>
    /// <exception cref="ArgumentException">It is no id.</exception>
    /// <exception cref="LaunchException">ENOENT: there is no such container; EAGAIN: a host is starting it; EINVAL:
    /// what is written of it cannot be read.</exception>
    public Task<DetachedContainer> AttachAsync(string id, CancellationToken cancellationToken = default)
    {
        ContainerId.Validate(id);
        cancellationToken.ThrowIfCancellationRequested();
        var directory = Detached.Open(id) ?? throw Unattachable(
            id, Errno.ENOENT, "There is no such container of this user in this state directory.");
        try
        {
            var record = directory.ReadRecord();
            var (state, supervisor) = Look(directory);
            return state switch
            {
                ContainerState.Starting => throw Unattachable(
                    id, Errno.EAGAIN, "Another process is starting it: try again in a moment."),
                _ when record is null => throw Unattachable(
                    id, Errno.EINVAL,
                    "What is written of it is damaged, or by a newer version: use that, or RemoveAsync."),
                _ => Task.FromResult(new DetachedContainer(this, directory, record, supervisor)),
            };
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }

    /// <summary>
    /// What is known of all detached containers of this user in this state directory. What a host left that was killed
    /// while it started one is removed.
    /// </summary>
    /// <exception cref="LaunchException">The state directory cannot be used.</exception>
    public async Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancellationToken = default)
    {
        var list = new List<ContainerInfo>();
        foreach (var id in await Detached.ListAsync(cancellationToken).ConfigureAwait(false))
        {
            using var directory = Detached.Open(id);
            if (directory is not null)
            {
                list.Add(Describe(directory));
            }
        }

        return list;
    }

    /// <summary>
    /// Kills a detached container at once, waits until it is gone, and removes what is kept of it; harmless when there
    /// is none.
    /// </summary>
    /// <exception cref="ArgumentException">It is no id.</exception>
    public async Task RemoveAsync(string id, CancellationToken cancellationToken = default)
    {
        ContainerId.Validate(id);
        FreezerGroup? group;
        using (var directory = Detached.Open(id))
        {
            if (directory is null)
            {
                return;
            }

            directory.Send(Signal.SIGKILL);
            group = FreezerGroup.At(directory.ReadRecord()?.Cgroup);
            group?.Thaw();
            if (Look(directory).Supervisor is { } supervisor)
            {
                using (supervisor)
                {
                    await EventLoop.ReadyAsync(supervisor, cancellationToken).ConfigureAwait(false);
                }
            }
        }

        await Detached.RemoveAsync(id, cancellationToken).ConfigureAwait(false);
        group?.Dispose();
    }

    /// <summary>The directories of detached containers.</summary>
    internal DetachedDirectories Detached { get; }

    private static LaunchException Unattachable(string id, Errno errno, string hint) =>
        new($"open(\"{id}\")", $"the container '{id}'", "open", errno, hint);

    /// <summary>
    /// What became of a container, and its supervisor while that lives: the lock is its alone, so while it has the lock
    /// the number that it wrote is still its.
    /// </summary>
    private static (ContainerState State, SafeFileHandle? Supervisor) Look(DetachedDirectory directory)
    {
        var status = directory.ReadStatus();
        if (!directory.IsHeld())
        {
            return (directory.ReadStatus().End is null ? ContainerState.Lost : ContainerState.Exited, null);
        }

        var supervisor = status.HasStarted ? Syscall.PidfdOpen(status.Supervisor) : null;
        if (supervisor is not null && directory.IsHeld())
        {
            return (ContainerState.Running, supervisor);
        }

        supervisor?.Dispose();
        return directory.IsHeld() ? (ContainerState.Starting, null)
            : (directory.ReadStatus().End is null ? ContainerState.Lost : ContainerState.Exited, null);
    }

    private static ContainerInfo Describe(DetachedDirectory directory)
    {
        var (state, supervisor) = Look(directory);
        using var disposed = supervisor;
        var (record, status) = (directory.ReadRecord(), directory.ReadStatus());
        if (record is null && state is not ContainerState.Starting)
        {
            return new(directory.Id, ContainerState.Unreadable, 0, default, null, null);
        }

        var pid = state is ContainerState.Running
            ? DetachedContainer.ProgramOf(status.Supervisor, record!.HasInit)
            : 0;
        return state is ContainerState.Exited
            ? new(directory.Id, state, 0, record!.CreatedAt, directory.ToldAt, new(status.End!, timedOut: false))
            : new(directory.Id, state, pid, record?.CreatedAt ?? default, null, null);
    }

    private async Task MakeDetachedAsync(string id, ContainerOptions options, CancellationToken cancellationToken)
    {
        var observed = Telemetry.Begin(options.Command[0]);
        try
        {
            UserLookup.Find(options); // what is wrong is said before anything is made
            var (directory, locked) = await Detached.MakeAsync(id, cancellationToken).ConfigureAwait(false);
            using (directory)
            {
                try
                {
                    await LaunchDetachedAsync(directory, locked, options, cancellationToken).ConfigureAwait(false);
                }
                catch
                {
                    locked.Dispose();
                    await Detached.RemoveAsync(id, CancellationToken.None).ConfigureAwait(false);
                    throw;
                }

                locked.Leave();
                observed?.End(directory.ReadStatus().Supervisor, failure: null);
            }
        }
        catch (Exception failure)
        {
            observed?.End(processId: 0, failure);
            throw;
        }
    }

    private async Task LaunchDetachedAsync(
        DetachedDirectory directory, LockedFile locked, ContainerOptions options, CancellationToken cancellationToken)
    {
        var (root, held) = options.Root.Open();
        var group = _cgroupParent is null ? null : FreezerGroup.Make(_cgroupParent);
        try
        {
            using var output = await LogAsync(directory, "stdout.log", options.StandardOutput).ConfigureAwait(false);
            using var error = await LogAsync(directory, "stderr.log", options.StandardError).ConfigureAwait(false);
            var nothing = StandardStreams.None;
            var (asked, told) = directory.OpenForLaunch();
            using (asked)
            using (told)
            {
                using var members = group?.OpenMembers();
                var plan = ContainerPlan.MakeDetached(
                    options with { Root = root }, asked, told, locked.Handle, members);
                directory.Write(DetachedRecord.Of(options, plan.Held) with { Cgroup = group?.Path });
                await DetachedLaunch.StartAsync(
                    Launcher, plan, [nothing[0], output ?? nothing[1], error ?? nothing[2]], cancellationToken)
                        .ConfigureAwait(false);
            }
        }
        catch
        {
            held?.Dispose();
            group?.Dispose();
            throw;
        }

        (held as LockedFile)?.Leave();
    }

    /// <summary>The end of a pipe that a launcher reads, and writes to a log; null when there is to be none.</summary>
    private async Task<SafeFileHandle?> LogAsync(DetachedDirectory directory, string name, StandardStream? stream)
    {
        if (stream is not StandardStream.LogStream log)
        {
            return null;
        }

        var (read, write) = Syscall.Pipe();
        using (read)
        {
            try
            {
                Syscall.ChangeMode(write, 0x1B6); // 0666: so that the program can open /dev/stdout, whoever it is
                await DetachedLaunch.BeginAsync(
                    Launcher, LaunchPlan.Logging($"the log '{name}'", read, directory.Handle, name, log.Size))
                        .ConfigureAwait(false);
                return write;
            }
            catch
            {
                write.Dispose();
                throw;
            }
        }
    }
}
