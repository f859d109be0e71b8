using System.Diagnostics;
using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>
/// A program in a container of its own, started by this process and ended with it. Disposing kills it at once, and waits
/// until nothing is left; once it ended, that is harmless, and needed for its streams. Thread-safe, but for the streams.
/// </summary>
public sealed class Container : IAsyncDisposable
{
    private readonly ContainerHost _host;
    private readonly ContainerOptions _options;
    private readonly LaunchedProcess _launched;
    private readonly StandardStreams _streams;
    private readonly IDisposable? _held;
    private readonly ObservedStart? _observed;
    private readonly long _launchedAt = Stopwatch.GetTimestamp();
    private readonly CancellationTokenSource _timeout;
    private readonly Task _ended;
    private ExitStatus _status;

    internal Container(
        ContainerHost host, ContainerOptions options, LaunchedProcess launched, StandardStreams streams, IDisposable? held,
        ObservedStart? observed)
    {
        (_host, _options, _launched, _streams, _held, _observed) = (host, options, launched, streams, held, observed);
        Telemetry.Launched();
        _timeout = new(options.Timeout);
        _timeout.Token.UnsafeRegister(static container => ((Container)container!).Kill(), this);

        // Not an async method: the code for one more is compiled at the first start.
        _ended = launched.Ended.ContinueWith(
            static (launch, container) => ((Container)container!).OnEnd(launch), this,
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>The program's process id as this process sees it.</summary>
    public int Pid => _launched.ProgramId;

    /// <summary>What is written here the program reads; disposing it is the end. Null unless it is a pipe.</summary>
    public Stream? StandardInput => _streams.Pipe(0);

    /// <summary>What the program writes to standard output, to be read here. Null unless it is a pipe.</summary>
    public Stream? StandardOutput => _streams.Pipe(1);

    /// <summary>What the program writes to standard error, to be read here. Null unless it is a pipe.</summary>
    public Stream? StandardError => _streams.Pipe(2);

    /// <inheritdoc cref="ContainerHost.RunAsync"/>
    public static Task<ContainerResult> RunAsync(ContainerOptions options, CancellationToken cancellationToken = default) =>
        ContainerHost.Default.RunAsync(options, cancellationToken);

    /// <inheritdoc cref="ContainerHost.StartAsync"/>
    public static Task<Container> StartAsync(ContainerOptions options, CancellationToken cancellationToken = default) =>
        ContainerHost.Default.StartAsync(options, cancellationToken);

    /// <summary>Says, without starting anything, which system calls a start would make where, in the manner of strace.</summary>
    public static string Explain(ContainerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        OptionsCheck.Validate(options);
        using var plan = ContainerPlan.Make(options);
        return plan.ToString();
    }

    /// <summary>Waits for the program to end. Cancelling stops the waiting, never the program.</summary>
    /// <exception cref="LaunchException">The container's supervisor was killed from outside.</exception>
    public async Task<ExitStatus> WaitAsync(CancellationToken cancellationToken = default)
    {
        await _ended.WaitAsync(cancellationToken).ConfigureAwait(false);
        return _status;
    }

    /// <summary>
    /// Waits for the program to end, and for its output that is captured or forwarded. What a daemon of its writes later
    /// than a second after is not waited for. Cancelling stops the waiting, never the program.
    /// </summary>
    /// <exception cref="LaunchException">As <see cref="WaitAsync"/>.</exception>
    public async Task<ContainerResult> WaitForResultAsync(CancellationToken cancellationToken = default)
    {
        await _ended.WaitAsync(cancellationToken).ConfigureAwait(false);
        await _streams.EndAsync(cancellationToken).ConfigureAwait(false);
        return new(_options.Command[0], _status, _streams.Output, _streams.Error);
    }

    /// <summary>
    /// Sends the program a signal; harmless when it has ended. Without an init the program is PID 1, which gets only
    /// signals it handles, and SIGKILL.
    /// </summary>
    /// <exception cref="ArgumentException">SIGSTOP, which would stop the init and not the program.</exception>
    public void SendSignal(Signal signal)
    {
        if (signal is Signal.SIGSTOP || !Enum.IsDefined(signal))
        {
            throw new ArgumentException($"{signal} cannot be passed on to a program; SIGTSTP asks it to stop.", nameof(signal));
        }

        _launched.Send(signal);
    }

    /// <summary>
    /// Asks the program to end, and kills it when it takes longer than its stop timeout. Cancelling stops the waiting, and
    /// the program is not killed then.
    /// </summary>
    /// <exception cref="LaunchException">As <see cref="WaitAsync"/>.</exception>
    public async Task<ExitStatus> StopAsync(CancellationToken cancellationToken = default)
    {
        _launched.Send(_options.StopSignal);
        await _ended.WaitAsync(_options.StopTimeout, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        _launched.Send(Signal.SIGKILL);
        return await WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _launched.Send(Signal.SIGKILL);
        await _ended.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _streams.Dispose();
    }

    /// <summary>Completes when it is gone, or fails with the start.</summary>
    internal Task Ended => _ended;

    /// <summary>Whether it has not ended.</summary>
    internal bool IsRunning => !_launched.Ended.IsCompleted;

    /// <summary>Begins to read what is captured or forwarded, and gives up the program's ends, which it has now.</summary>
    internal void Begin() => _streams.Start();

    /// <summary>Waits until its program was executed.</summary>
    internal Task StartedAsync(CancellationToken cancellationToken)
    {
        var started = _observed is null ? _launched.Started : Task.WhenAll(_launched.Started, _observed.Told);
        return started.WaitAsync(cancellationToken);
    }

    /// <summary>Kills it, at once and without waiting.</summary>
    internal void Kill() => _launched.Send(Signal.SIGKILL);

    private void OnEnd(Task<WaitStatus> launch)
    {
        var timedOut = _timeout.IsCancellationRequested;
        _timeout.Dispose();
        _held?.Dispose();
        _host.Forget(this);
        if (launch.IsCompletedSuccessfully)
        {
            _status = new(launch.Result, timedOut && launch.Result.Signal is Signal.SIGKILL);
        }

        Telemetry.Gone();
        Tell(launch);
        launch.GetAwaiter().GetResult();
    }

    /// <summary>Tells who listens how it ended, and before that how it was started, which may be known only now.</summary>
    private void Tell(Task<WaitStatus> launch)
    {
        if (_launched.Started.IsCompletedSuccessfully)
        {
            _observed?.End(Pid, failure: null);
            Telemetry.Ended(launch.IsCompletedSuccessfully ? _status : null, _launchedAt);
        }
        else
        {
            _observed?.End(Pid, launch.Exception?.InnerException ?? (_status.TimedOut ? new TimeoutException() : new OperationCanceledException()));
        }
    }
}
