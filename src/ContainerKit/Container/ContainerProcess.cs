using System.Diagnostics;
using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>
/// A program in a container, started by this process and ended with it. Disposing kills it at once, and waits until it
/// is gone; once it ended, that is harmless, and needed for its streams. Thread-safe, but for the streams.
/// </summary>
public abstract class ContainerProcess : IAsyncDisposable
{
    private readonly LaunchedProcess _launched;
    private readonly ContainerOptions _options;
    private readonly StandardStreams _streams;
    private readonly CancellationTokenSource _timeout;
    private Task _ended = Task.CompletedTask;
    private readonly long _startedAt = Stopwatch.GetTimestamp();
    private ExitStatus _status;
    private Receipt? _receipt;
    private volatile bool _isKilled;

    private protected ContainerProcess(ContainerOptions options, LaunchedProcess launched, StandardStreams streams)
    {
        (_options, _launched, _streams) = (options, launched, streams);
        Obtained = (IsolationChoice.Of(options), IsolationClaim.PropertiesOf(options));
        _timeout = new(options.Timeout);
    }

    /// <summary>The program's process id as this process sees it.</summary>
    public int Pid => _launched.ProgramId;

    /// <summary>What is written here the program reads; disposing it is the end. Null unless it is a pipe.</summary>
    public Stream? StandardInput => _streams.Pipe(0);

    /// <summary>What the program writes to standard output, to be read here. Null unless it is a pipe.</summary>
    public Stream? StandardOutput => _streams.Pipe(1);

    /// <summary>What the program writes to standard error, to be read here. Null unless it is a pipe.</summary>
    public Stream? StandardError => _streams.Pipe(2);

    /// <summary>The other side of the program's terminal. Null unless its standard input and output are one.</summary>
    public ContainerTerminal? Terminal { get; private set; }

    /// <summary>Waits for the program to end. Cancelling stops the waiting, never the program.</summary>
    /// <exception cref="LaunchException">Its supervisor was killed from outside.</exception>
    public async Task<ExitStatus> WaitAsync(CancellationToken cancellationToken = default)
    {
        await _ended.WaitAsync(cancellationToken).ConfigureAwait(false);
        return _status;
    }

    /// <summary>
    /// Waits for the program to end, and for its output that is captured or forwarded. What a daemon of its writes
    /// later than a second after is not waited for. Cancelling stops the waiting, never the program.
    /// </summary>
    /// <exception cref="LaunchException">As <see cref="WaitAsync"/>.</exception>
    public async Task<ContainerResult> WaitForResultAsync(CancellationToken cancellationToken = default)
    {
        await _ended.WaitAsync(cancellationToken).ConfigureAwait(false);
        await OutputEndedAsync(cancellationToken).ConfigureAwait(false);
        return Result;
    }

    /// <summary>
    /// Sends the program a signal; harmless when it has ended. Without an init the program is PID 1, which gets only
    /// signals it handles, and SIGKILL.
    /// </summary>
    /// <exception cref="ArgumentException">SIGSTOP, which would stop the init and not the program, or SIGCHLD, which
    /// the init keeps.</exception>
    public void SendSignal(Signal signal)
    {
        CheckCanBeSent(signal);
        if (signal is Signal.SIGKILL)
        {
            Kill();
            return;
        }

        _launched.Send(signal);
    }

    /// <summary>
    /// Asks the program to end, and kills it when it takes longer than its stop timeout. Cancelling stops the waiting,
    /// and the program is not killed then.
    /// </summary>
    /// <exception cref="LaunchException">As <see cref="WaitAsync"/>.</exception>
    public async Task<ExitStatus> StopAsync(CancellationToken cancellationToken = default)
    {
        _launched.Send(_options.StopSignal);
        await _ended.WaitAsync(_options.StopTimeout, cancellationToken)
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        Kill();
        return await WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public virtual async ValueTask DisposeAsync()
    {
        Kill();
        await _ended.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Gone.ConfigureAwait(false);
        _streams.Dispose();
        Terminal?.Dispose();
        _launched.TakeOpened()?.Dispose();
        GC.SuppressFinalize(this);
    }

    /// <summary>Complains about a signal that a supervisor or an init does not pass on.</summary>
    internal static void CheckCanBeSent(Signal signal)
    {
        if (signal is Signal.SIGSTOP or Signal.SIGCHLD || !Enum.IsDefined(signal))
        {
            throw new ArgumentException(
                $"{signal} cannot be passed on to a program. SIGTSTP asks it to stop.", nameof(signal));
        }
    }

    /// <summary>Completes when it is gone, or fails with the start.</summary>
    internal Task Ended => _ended;

    /// <summary>Completes when what saw to it is gone, too.</summary>
    internal Task Gone => _launched.Gone;

    /// <summary>What became of it, once it and its output have ended.</summary>
    internal ContainerResult Result => new(
        _options.Command[0], _status, _receipt!, _streams.Output, _streams.Error, IsContained ? Obtained : null);

    /// <summary>What isolates it, if a container does; of this process's privileges at the start.</summary>
    private protected (Isolation Tier, IsolationProperties Properties) Obtained { get; }

    /// <summary>Whether a container isolates it.</summary>
    private protected virtual bool IsContained => true;

    /// <summary>Whether it has not ended.</summary>
    public bool IsRunning => !_launched.Ended.IsCompleted;

    /// <summary>Sees to its end, once it is whole; it may have come already.</summary>
    internal void Follow()
    {
        _timeout.Token.UnsafeRegister(static process => ((ContainerProcess)process!).Kill(), this);

        // Not an async method: the code for one more is compiled at the first start.
        _ended = _launched.Ended.ContinueWith(
            static (launch, process) => ((ContainerProcess)process!).OnEnd(launch), this,
            CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    /// <summary>
    /// Begins to read what is captured or forwarded, and gives up the program's ends, which it has now.
    /// </summary>
    internal void Begin() => _streams.Start();

    /// <summary>Waits for what is captured or forwarded, after its end.</summary>
    internal Task OutputEndedAsync(CancellationToken cancellationToken) => _streams.EndAsync(cancellationToken);

    /// <summary>Waits until its program was executed.</summary>
    internal virtual Task StartedAsync(CancellationToken cancellationToken) =>
        _launched.Started.WaitAsync(cancellationToken);

    /// <summary>Takes the terminal of a program that was started, if it has one.</summary>
    internal void OpenTerminal() =>
        Terminal = _launched.TakeOpened() is { } master ? ContainerTerminal.Open(master) : null;

    /// <summary>Kills it, at once and without waiting.</summary>
    internal virtual void Kill()
    {
        _isKilled = true;
        _launched.Send(Signal.SIGKILL);
    }

    /// <summary>What was counted of it, which has ended; null when nothing was.</summary>
    private protected virtual CgroupStatistics? Counted() => null;

    /// <summary>Whether it was killed for the time it had on CPUs.</summary>
    private protected virtual bool IsOutOfCpuTime => false;

    /// <summary>Takes note of its end; without a status its supervisor was killed, or it never started.</summary>
    private protected abstract void OnEnd(ExitStatus? status, Exception? failure);

    private void OnEnd(Task<WaitStatus> launch)
    {
        var timedOut = _timeout.IsCancellationRequested || IsOutOfCpuTime;
        _timeout.Dispose();
        if (launch.IsCompletedSuccessfully)
        {
            var counted = Counted();
            _receipt = Receipt.Of(Stopwatch.GetElapsedTime(_startedAt), counted);
            _status = ExitStatus.Of(launch.Result, counted, _options, _isKilled, timedOut);
        }

        OnEnd(launch.IsCompletedSuccessfully ? _status : null, launch.Exception?.InnerException);
        launch.GetAwaiter().GetResult();
    }
}
