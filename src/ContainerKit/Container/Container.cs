using System.Diagnostics;
using ContainerKit.Launch;
using ContainerKit.Linux;

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
    private readonly HashSet<ExecutedProcess> _executed = [];

    internal Container(
        ContainerHost host, ContainerOptions options, LaunchedProcess launched, StandardStreams streams,
        IDisposable? held,
        ObservedStart? observed)
        : base(options, launched, streams)
    {
        (_host, _options, _launched, _held, _observed) = (host, options, launched, held, observed);
        Telemetry.Launched();
    }

    /// <inheritdoc cref="ContainerHost.RunAsync"/>
    public static Task<ContainerResult> RunAsync(
        ContainerOptions options, CancellationToken cancellationToken = default) =>
        ContainerHost.Default.RunAsync(options, cancellationToken);

    /// <inheritdoc cref="ContainerHost.StartAsync"/>
    public static Task<Container> StartAsync(ContainerOptions options, CancellationToken cancellationToken = default) =>
        ContainerHost.Default.StartAsync(options, cancellationToken);

    /// <summary>
    /// Says, without starting anything, which system calls a start would make where, in the manner of strace.
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
    public IReadOnlyList<Namespace> OpenNamespaces(NamespaceKinds kinds)
    {
        if (kinds is NamespaceKinds.None || !_options.AllNamespaces.HasFlag(kinds))
        {
            throw new ArgumentException(
                $"The container has no {kinds} namespace other than the host's.", nameof(kinds));
        }

        var opened = _launched.OpenNamespaces((CloneFlags)kinds) ?? throw LaunchFailure.ContainerGone();
        return Namespace.Take(opened.ConvertAll(joined => joined.File));
    }

    /// <summary>
    /// Starts another program in the container, with its files, namespaces and limits, and returns once it was
    /// executed. It ends with the container. Cancelling kills what was started, waits until it is gone, and throws.
    /// </summary>
    /// <exception cref="ArgumentException">The options cannot be what is meant; nothing was made.</exception>
    /// <exception cref="LaunchException">A step of the start failed, or the container has ended; all was
    /// unmade.</exception>
    /// <exception cref="LinuxException">A system call of this process failed; everything was unmade.</exception>
    public async Task<ContainerProcess> ExecAsync(ExecOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        cancellationToken.ThrowIfCancellationRequested();
        var process = Execute(options.In(_options));
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

    /// <inheritdoc/>
    public override async ValueTask DisposeAsync()
    {
        await base.DisposeAsync().ConfigureAwait(false);
        await ExecutedEndedAsync().ConfigureAwait(false);
    }

    /// <summary>Completes when nothing of the container is left.</summary>
    internal Task GoneAsync() => Task.WhenAll(Ended, ExecutedEndedAsync());

    /// <inheritdoc/>
    internal override Task StartedAsync(CancellationToken cancellationToken)
    {
        var started = _observed is null ? _launched.Started : Task.WhenAll(_launched.Started, _observed.Told);
        return started.WaitAsync(cancellationToken);
    }

    /// <summary>Knows a process no more that has ended.</summary>
    internal void Forget(ExecutedProcess process)
    {
        lock (_executed)
        {
            _executed.Remove(process);
        }
    }

    private protected override void OnEnd(ExitStatus? status, Exception? failure)
    {
        LeaveInside();
        ForgetMounts();
        _held?.Dispose();
        _host.Forget(this);
        Telemetry.Gone();

        // How it was started may be known only now.
        if (_launched.Started.IsCompletedSuccessfully)
        {
            _observed?.End(Pid, failure: null);
            Telemetry.Ended(status, _launchedAt);
        }
        else
        {
            _observed?.End(Pid,
                failure ?? (status is { TimedOut: true } ? new TimeoutException() : new OperationCanceledException()));
        }
    }

    /// <summary>
    /// What is to be said of a failure, which may be the container's end: the kernel and the launcher tell of the end
    /// of the namespaces by errnos, and it may be known here a little later.
    /// </summary>
    private async Task<Exception> SaidOfEndAsync(LaunchException failure)
    {
        if (IsRunning && failure.Errno is not (Errno.ESRCH or Errno.ENOMEM))
        {
            return failure;
        }

        await ((Task)Ended.WaitAsync(TimeSpan.FromSeconds(1), CancellationToken.None))
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return IsRunning ? failure : LaunchFailure.ContainerGone();
    }

    private ExecutedProcess Execute(ContainerOptions options)
    {
        options = OptionsSnapshot.Of(options);
        OptionsCheck.ValidateExec(options);
        var streams = new StandardStreams(options, StandardStream.Null);
        try
        {
            var launched = WithNamespaces(
                options.AllNamespaces,
                namespaces => _host.Launch(ContainerPlan.MakeJoined(options, namespaces), streams.OfProgram));
            var process = new ExecutedProcess(this, options, launched, streams);
            lock (_executed)
            {
                process.Follow();
                if (process.IsRunning) // or it was forgotten already
                {
                    _executed.Add(process);
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

    private async Task ExecutedEndedAsync()
    {
        ExecutedProcess[] executed;
        lock (_executed)
        {
            executed = [.. _executed];
        }

        foreach (var process in executed)
        {
            process.Kill();
            await process.Ended.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
