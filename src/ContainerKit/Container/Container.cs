using System.Diagnostics;
using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>
/// A container, started by this process and ended with it, and the program it was made for. Disposing kills all that
/// runs in it at once, and waits until nothing is left; once it ended, that is harmless, and needed for its streams.
/// Thread-safe, but for the streams.
/// </summary>
public sealed partial class Container : ContainerProcess
{
    private readonly ContainerHost _host;
    private readonly ContainerOptions _options;
    private readonly LaunchedProcess _launched;
    private readonly IDisposable? _held;
    private readonly ObservedStart? _observed;
    private readonly long _launchedAt = Stopwatch.GetTimestamp();
    private readonly ContainerEntrance _entrance;
    private readonly CpuTimeout? _cpuTimeout;
    private Task? _groupRemoved;
    private bool _isToldOf;

    internal Container(
        ContainerHost host, ContainerOptions options, LaunchedProcess launched, StandardStreams streams,
        IDisposable? held,
        ContainerGroup? group,
        ObservedStart? observed)
        : base(options, launched, streams)
    {
        (_host, _options, _launched, _held, _observed) = (host, options, launched, held, observed);
        _group = group;
        if (options.CpuTimeout != Timeout.InfiniteTimeSpan)
        {
            _cpuTimeout = new(options.CpuTimeout, Counted, Kill);
        }

        _entrance = new(host, options, launched.OpenNamespaces, launched.Ended)
        {
            Group = group,
            OpenTogether = launched.OpenTogether,
            JoinsCgroupNamespace =
                (options.AllNamespaces & ~options.NewNamespaces).HasFlag(NamespaceKinds.Cgroup),
        };
        Telemetry.Launched();
    }

    /// <summary>What isolates it.</summary>
    public Isolation Isolation => Obtained.Tier;

    /// <summary>What holds of it.</summary>
    public IsolationProperties IsolationProperties => Obtained.Properties;

    /// <inheritdoc cref="ContainerHost.RunAsync"/>
    public static Task<ContainerResult> RunAsync(
        ContainerOptions options, CancellationToken cancellationToken = default) =>
        ContainerHost.Default.RunAsync(options, cancellationToken);

    /// <inheritdoc cref="ContainerHost.StartAsync"/>
    public static Task<Container> StartAsync(ContainerOptions options, CancellationToken cancellationToken = default) =>
        ContainerHost.Default.StartAsync(options, cancellationToken);

    /// <summary>
    /// Says, without starting anything, which system calls a start in namespaces would make where, in the manner of
    /// strace.
    /// </summary>
    public static string Explain(ContainerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        options = OptionsSnapshot.Of(options);
        OptionsCheck.Validate(options);
        using var plan = ContainerPlan.Make(options);
        return plan.ToString();
    }

    /// <summary>
    /// Opens its namespaces of these kinds, for others to join or to ask; they outlive the container, but for the pid
    /// namespace, which takes no new process then.
    /// </summary>
    /// <exception cref="ArgumentException">It shares one of these with the host.</exception>
    /// <exception cref="LaunchException">The container has ended.</exception>
    public IReadOnlyList<Namespace> OpenNamespaces(NamespaceKinds kinds) => _entrance.OpenNamespaces(kinds);

    /// <summary>
    /// Starts another program in the container, with its files, namespaces and limits, and returns once it was
    /// executed. It ends with the container. Cancelling kills what was started, waits until it is gone, and throws.
    /// </summary>
    /// <exception cref="ArgumentException">The options cannot be what is meant; nothing was made.</exception>
    /// <exception cref="LaunchException">A step of the start failed, or the container has ended; all was
    /// unmade.</exception>
    /// <exception cref="LinuxException">A system call of this process failed; everything was unmade.</exception>
    public Task<ContainerProcess> ExecAsync(ExecOptions options, CancellationToken cancellationToken = default) =>
        _entrance.ExecAsync(options, cancellationToken);

    /// <summary>Reads what all its processes have used and use; once it ended, there is its receipt.</summary>
    /// <exception cref="LimitNotSupportedException">The container has no cgroup.</exception>
    /// <exception cref="LaunchException">The container has ended.</exception>
    public CgroupStatistics ReadStatistics() =>
        (_group ?? throw ContainerGroup.Missing()).ReadStatistics() ?? throw LaunchFailure.ContainerGone();

    /// <inheritdoc/>
    /// <exception cref="LinuxException">ETIMEDOUT or EBUSY: all else is gone, and its cgroup is left, since a process
    /// that somebody put into it does not end; the next host removes it.</exception>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync().ConfigureAwait(false);
        await GoneAsync().ConfigureAwait(false);
    }

    /// <summary>Completes when nothing of the container is left.</summary>
    /// <exception cref="LinuxException">Its cgroup is.</exception>
    internal async Task GoneAsync()
    {
        // How it ended, or that it never started, is told by waiting for it.
        await Task.WhenAll(Ended, Gone, _entrance.EndExecutedAsync())
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await (_groupRemoved ?? Task.CompletedTask).ConfigureAwait(false);
    }

    /// <summary>
    /// Disposes what did not come to be, for another reason than its cgroup: if that is left, the host's disposal says
    /// so.
    /// </summary>
    internal async Task UnmakeAsync() =>
        await DisposeAsync().AsTask().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    /// <inheritdoc/>
    internal override async Task StartedAsync(CancellationToken cancellationToken)
    {
        var started = _observed is null ? _launched.Started : Task.WhenAll(_launched.Started, _observed.Told);
        await started.WaitAsync(cancellationToken).ConfigureAwait(false);
        TellStarted(); // before the caller can do what is told later
    }

    /// <summary>Tells who watches the host that the program was executed, once.</summary>
    internal void TellStarted()
    {
        lock (_opening)
        {
            if (!_isToldOf)
            {
                _isToldOf = true;
                _host.Events?.Tell(ContainerEventKind.Started, Pid);
            }
        }
    }

    private protected override CgroupStatistics? Counted() => _group?.ReadStatistics();

    /// <inheritdoc/>
    private protected override bool IsOutOfCpuTime => _cpuTimeout is { IsOver: true };

    /// <inheritdoc/>
    private protected override void OnEnd(ExitStatus? status, Exception? failure)
    {
        _cpuTimeout?.Dispose();
        LeaveInside();
        ForgetMounts();
        if (_options.Restriction is not null)
        {
            _ = _entrance.EndExecutedAsync(); // whom no pid namespace takes along
        }

        _groupRemoved = _group is null ? null : _host.RemoveAsync(_group); // which kills who could still write there
        _held?.Dispose();
        _host.Forget(this);
        Telemetry.Gone();

        // How it was started may be known only now.
        if (_launched.Started.IsCompletedSuccessfully)
        {
            _observed?.End(Pid, failure: null);
            Telemetry.Ended(status, _launchedAt);
            TellStarted();
            _host.Events?.Tell(ContainerEventKind.Exited, Pid, id: null, status);
        }
        else
        {
            _observed?.End(Pid,
                failure ?? (status is { TimedOut: true } ? new TimeoutException() : new OperationCanceledException()));
        }
    }
}
