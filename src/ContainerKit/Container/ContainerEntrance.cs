using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// The way into a container that runs, of this host or detached: other programs are started in it, and its namespaces
/// are opened. It knows those that this process started.
/// </summary>
internal sealed class ContainerEntrance(
    ContainerHost host, ContainerOptions options, Func<CloneFlags, List<JoinedNamespace>?> openNamespaces, Task ended)
{
    private readonly HashSet<ExecutedProcess> _executed = [];

    /// <summary>The container's cgroup, which other programs enter, too; null when it has none.</summary>
    public ContainerGroup? Group { get; init; }

    /// <summary>Whether it lives in a cgroup namespace that was there already.</summary>
    public bool JoinsCgroupNamespace { get; init; }

    /// <summary>
    /// Whether another program is born into the group: not where it joins a cgroup namespace that is not the
    /// container's own, because it has no privilege there once it is in the container.
    /// </summary>
    private bool IsBornIntoGroup => Group?.Unified is not null && !JoinsCgroupNamespace;

    /// <summary>The way to join all namespaces by one call, where there is one.</summary>
    public Func<CloneFlags, JoinedNamespace?>? OpenTogether { get; init; }

    /// <inheritdoc cref="Container.OpenNamespaces"/>
    public IReadOnlyList<Namespace> OpenNamespaces(NamespaceKinds kinds)
    {
        if (kinds is NamespaceKinds.None || !options.AllNamespaces.HasFlag(kinds))
        {
            throw new ArgumentException(
                $"The container has no {kinds} namespace other than the host's.", nameof(kinds));
        }

        var opened = openNamespaces((CloneFlags)kinds) ?? throw LaunchFailure.ContainerGone();
        var list = Namespace.Take(opened.ConvertAll(joined => joined.File));
        foreach (var user in list.Where(joined => joined.Kind is NamespaceKinds.User))
        {
            user.Ids = options.IdMap.Reservation?.Share();
        }

        return list;
    }

    /// <summary>Starts something in all of the container's namespaces.</summary>
    public T WithAllNamespaces<T>(Func<List<JoinedNamespace>, T> start)
    {
        var apart = IsBornIntoGroup ? options.AllNamespaces & NamespaceKinds.Cgroup : default;
        if (OpenTogether?.Invoke((CloneFlags)(options.AllNamespaces & ~apart)) is not { } all)
        {
            return WithNamespaces(options.AllNamespaces, start);
        }

        using (all)
        {
            return apart is NamespaceKinds.None ? start([all])
                : WithNamespaces(apart, others => start([all, .. others]));
        }
    }

    /// <summary>Starts something in namespaces of the container, each of which it is given by itself.</summary>
    public T WithNamespaces<T>(NamespaceKinds kinds, Func<List<JoinedNamespace>, T> start)
    {
        var namespaces = openNamespaces((CloneFlags)kinds) ?? throw LaunchFailure.ContainerGone();
        try
        {
            return start(namespaces);
        }
        finally
        {
            namespaces.ForEach(opened => opened.Dispose());
        }
    }

    /// <inheritdoc cref="Container.ExecAsync"/>
    public async Task<ContainerProcess> ExecAsync(ExecOptions exec, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(exec);
        cancellationToken.ThrowIfCancellationRequested();
        var process = Execute(exec.In(options));
        try
        {
            process.Begin();
            await process.StartedAsync(cancellationToken).ConfigureAwait(false);
            process.OpenTerminal();
            return process;
        }
        catch (LaunchException failure)
        {
            await process.DisposeAsync().ConfigureAwait(false);
            throw await SaidOfEndAsync(failure).ConfigureAwait(false);
        }
        catch
        {
            await process.DisposeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// What is to be said of a failure, which may be the container's end: the kernel and the launcher tell of the end
    /// of the namespaces by errnos, and it may be known here a little later.
    /// </summary>
    public async Task<Exception> SaidOfEndAsync(LaunchException failure)
    {
        if (!ended.IsCompleted && failure.Errno is not (Errno.ESRCH or Errno.ENOMEM))
        {
            return failure;
        }

        await ((Task)ended.WaitAsync(TimeSpan.FromSeconds(1), CancellationToken.None))
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return ended.IsCompleted ? LaunchFailure.ContainerGone() : failure;
    }

    /// <summary>
    /// Kills the programs that this process started in it, and waits until they are gone, unless they were frozen by
    /// version 1: then they are killed when they go on.
    /// </summary>
    public async Task EndExecutedAsync()
    {
        ExecutedProcess[] executed;
        lock (_executed)
        {
            executed = [.. _executed];
        }

        foreach (var process in executed)
        {
            process.Kill();
        }

        foreach (var process in executed)
        {
            if (Group is not { HoldsBackKills: true, IsPaused: true })
            {
                await Task.WhenAll(process.Ended, process.Gone)
                    .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    /// <summary>Knows a process no more that has ended.</summary>
    public void Forget(ExecutedProcess process)
    {
        lock (_executed)
        {
            _executed.Remove(process);
        }
    }

    private ExecutedProcess Execute(ContainerOptions program)
    {
        program = OptionsSnapshot.Of(program);
        OptionsCheck.ValidateExec(program);
        RestrictedCheck.ValidateExec(program);
        if (Group is { IsPaused: true })
        {
            throw LaunchFailure.Paused();
        }

        using var entrances = Entrances.Of(Group, IsBornIntoGroup, options.DelegateCgroup);
        var streams = new StandardStreams(program, StandardStream.Null);
        try
        {
            var launched = program.Restriction is not null
                ? host.Launch(ContainerPlan.MakeRestricted(program, entrances, isWhole: false), streams.OfProgram)
                : WithAllNamespaces(namespaces =>
                    host.Launch(ContainerPlan.MakeJoined(program, namespaces, entrances), streams.OfProgram));
            var process = new ExecutedProcess(this, program, launched, streams);
            lock (_executed)
            {
                process.Follow();
                if (process.IsRunning) // or it was forgotten already
                {
                    _executed.Add(process);
                }

                if (program.Restriction is not null && ended.IsCompleted)
                {
                    process.Kill(); // it came too late to be ended with the container
                }
            }

            return process;
        }
        catch
        {
            streams.Dispose();
            throw;
        }
    }
}
