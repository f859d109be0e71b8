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
    /// <exception cref="IsolationUnavailableException">This host cannot isolate it so; nothing was made.</exception>
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
        if (_isolation.IsAsked(options))
        {
            options = await _isolation.ChooseAsync(options, cancellationToken).ConfigureAwait(false);
        }

        if (options.IdMap.NeedsHost && options.NewNamespaces.HasFlag(NamespaceKinds.User))
        {
            options = await WithIdsAsync(options, cancellationToken).ConfigureAwait(false);
        }

        try
        {
            return await MakeDetachedAsync(id, options, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            if (options.IdMap.Held is not null)
            {
                options.IdMap.Reservation!.Leave(); // what was found for it; its supervisor holds that, if there is one
            }
        }
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
        return Task.FromResult(Attach(directory, isStart: false));
    }

    /// <summary>
    /// What is known of all detached containers of this user in this state directory. What a host left that was killed
    /// while it started one is removed.
    /// </summary>
    /// <exception cref="LaunchException">The state directory cannot be used.</exception>
    public Task<IReadOnlyList<ContainerInfo>> ListAsync(CancellationToken cancellationToken = default) =>
        Detached.ListAsync(Describe, cancellationToken);

    /// <summary>The directories of detached containers.</summary>
    internal DetachedDirectories Detached { get; }

    private static LaunchException Unattachable(string id, Errno errno, string hint) =>
        new($"open(\"{id}\")", $"the container '{id}'", "open", errno, hint);

    /// <summary>
    /// What became of a container, and its supervisor while that lives: the lock is its alone, so while it has the lock
    /// the number that it wrote is still its.
    /// </summary>
    private static (ContainerState State, DetachedStatus Status, SafeFileHandle? Supervisor) Look(
        DetachedDirectory directory)
    {
        var status = directory.ReadStatus();
        if (directory.IsHeld())
        {
            var supervisor = status.HasStarted ? Syscall.PidfdOpen(status.Supervisor) : null;
            if (directory.IsHeld())
            {
                return (supervisor is null ? ContainerState.Starting : ContainerState.Running, status, supervisor);
            }

            supervisor?.Dispose();
        }

        status = directory.ReadStatus(); // which nobody writes any more
        return (status.End is null ? ContainerState.Lost : ContainerState.Exited, status, null);
    }

    private static ContainerInfo Describe(DetachedDirectory directory)
    {
        var (state, status, supervisor) = Look(directory);
        using var disposed = supervisor;
        var record = directory.ReadRecord();
        if (record is null && state is not ContainerState.Starting)
        {
            return new(directory.Id, ContainerState.Unreadable, 0, default, null, null);
        }

        return new(
            directory.Id, state,
            supervisor is null ? 0 : DetachedContainer.ProgramOf(status.Supervisor, record!.HasInit),
            record?.CreatedAt ?? default,
            state is ContainerState.Exited ? directory.ToldAt : null,
            state is ContainerState.Exited ? StatusOf(status.End!, record!) : null);
    }

    private static ExitStatus StatusOf(WaitStatus end, DetachedRecord record)
    {
        var group = end.Signal is Signal.SIGKILL ? ContainerGroup.At(record.Cgroup) : null;
        var status = ExitStatus.Of(end, group?.ReadStatistics(), record.ToOptions());
        group?.Leave();
        return status;
    }

    /// <summary>Attaches to one, whose directory is disposed otherwise.</summary>
    private DetachedContainer Attach(DetachedDirectory directory, bool isStart)
    {
        SafeFileHandle? supervisor = null;
        try
        {
            (var state, _, supervisor) = Look(directory);
            if (state is ContainerState.Starting)
            {
                throw Unattachable(
                    directory.Id, Errno.EAGAIN, "Another process is starting it: try again in a moment.");
            }

            var record = directory.ReadRecord() ?? throw Unattachable(
                directory.Id, Errno.EINVAL,
                "What is written of it is damaged, or by a newer version: use that, or RemoveAsync.");
            return new(this, directory, record, supervisor, isStart);
        }
        catch (LinuxException missing) when (missing is not LaunchException && missing.Errno is Errno.ENOENT)
        {
            supervisor?.Dispose();
            directory.Dispose();
            throw Unattachable(directory.Id, Errno.EINVAL, "Its status is missing: RemoveAsync removes the rest.");
        }
        catch
        {
            supervisor?.Dispose();
            directory.Dispose();
            throw;
        }
    }

    private async Task<DetachedContainer> MakeDetachedAsync(
        string id, ContainerOptions options, CancellationToken cancellationToken)
    {
        var observed = Telemetry.Begin(options.Command[0]);
        try
        {
            UserLookup.Find(options); // what is wrong is said before anything is made
            var (directory, locked) = await Detached.MakeAsync(id, cancellationToken).ConfigureAwait(false);
            try
            {
                await LaunchDetachedAsync(directory, locked, options, cancellationToken).ConfigureAwait(false);
            }
            catch
            {
                await Detached.RemoveAsync(directory, CancellationToken.None).ConfigureAwait(false);
                directory.Dispose();
                locked.Dispose();
                throw;
            }

            locked.Leave();
            observed?.End(directory.ReadStatus().Supervisor, failure: null);
            try
            {
                return Attach(directory, isStart: true);
            }
            catch
            {
                await RemoveAsync(id, CancellationToken.None).ConfigureAwait(false);
                throw;
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
        ContainerGroup? group = null;
        try
        {
            group = _cgroup.MakeFor(options);
            group?.StayWith(directory);
            using var output = await LogAsync(directory, "stdout.log", options.StandardOutput).ConfigureAwait(false);
            using var error = await LogAsync(directory, "stderr.log", options.StandardError).ConfigureAwait(false);
            var nothing = StandardStreams.None;
            var (asked, told) = directory.OpenForLaunch();
            using (asked)
            using (told)
            {
                using var entrances = Entrances.Of(group);
                var plan = ContainerPlan.MakeDetached(
                    options with { Root = root }, asked, told, locked.Handle, entrances);
                try
                {
                    Detached.Write(
                        directory, DetachedRecord.Of(options, plan.Held) with { Cgroup = group?.Directories });
                }
                catch
                {
                    plan.Dispose();
                    throw;
                }

                await DetachedLaunch.StartAsync(
                    Launcher, plan, [nothing[0], output ?? nothing[1], error ?? nothing[2]], cancellationToken)
                        .ConfigureAwait(false);
            }
        }
        catch
        {
            held?.Dispose();
            await (group is null ? Task.CompletedTask : RemoveAsync(group))
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing); // if it is left, this host's disposal says so
            throw;
        }

        group?.Leave();

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
