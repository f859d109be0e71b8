using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>Starts containers, and ends those that still run when it is disposed. Thread-safe.</summary>
public sealed class ContainerHost : IAsyncDisposable
{
    private readonly Spares _spares;
    private readonly HashSet<LaunchedProcess> _running = [];
    private volatile bool _disposed;

    /// <summary>A host with these options, or with the default ones.</summary>
    public ContainerHost(ContainerHostOptions? options = null)
    {
        options ??= new();
        ArgumentOutOfRangeException.ThrowIfNegative(options.Spares);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(options.Spares, 64);
        _spares = new(options.Launcher, options.Spares);
    }

    /// <summary>The host behind the static methods of <see cref="Container"/>.</summary>
    public static ContainerHost Default { get; } = new();

    /// <summary>
    /// Runs a program in a container until it ends; then nothing is left of the container. Cancelling kills it, waits
    /// until it is gone, and throws.
    /// </summary>
    /// <exception cref="ArgumentException">The options cannot be what is meant; nothing was made.</exception>
    /// <exception cref="LaunchException">A step of the start failed; everything was unmade.</exception>
    /// <exception cref="LinuxException">A system call of this process failed; everything was unmade.</exception>
    public async Task<ContainerResult> RunAsync(ContainerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();

        OptionsCheck.Validate(options);
        var program = options.Command[0];
        var (root, held) = options.Root.Open();
        using var rootHeld = held;
        using var streams = new StandardStreams(options);
        var launched = _spares.Start(ContainerPlan.Make(options with { Root = root }), streams.OfProgram, onlyEnd: true);
        using var timeout = new CancellationTokenSource(options.Timeout);
        ExitStatus status;
        try
        {
            Register(launched);
            streams.Start();
            await using (timeout.Token.UnsafeRegister(Kill, launched).ConfigureAwait(false))
            await using (cancellationToken.UnsafeRegister(Kill, launched).ConfigureAwait(false))
            {
                var ended = await launched.Ended.ConfigureAwait(false);
                status = new(ended, timedOut: timeout.IsCancellationRequested && ended.Signal is Signal.SIGKILL);
            }
        }
        finally
        {
            await EndAsync(launched).ConfigureAwait(false);
        }

        cancellationToken.ThrowIfCancellationRequested();
        await streams.EndAsync(cancellationToken).ConfigureAwait(false);
        return new(program, status, streams.Output, streams.Error);
    }

    /// <summary>Kills what runs, and waits until it is gone. <see cref="Default"/> starts containers even after that.</summary>
    public async ValueTask DisposeAsync()
    {
        LaunchedProcess[] running;
        lock (_running)
        {
            _disposed = this != Default; // which is everybody's
            running = [.. _running];
        }

        await Task.WhenAll(running.Select(EndAsync)).ConfigureAwait(false);
        await _spares.DisposeAsync().ConfigureAwait(false);
    }

    private void Register(LaunchedProcess launched)
    {
        lock (_running)
        {
            ObjectDisposedException.ThrowIf(_disposed, this);
            _running.Add(launched);
        }
    }

    /// <summary>Kills a container that still runs, and waits until it is gone.</summary>
    private async Task EndAsync(LaunchedProcess launched)
    {
        if (!launched.Ended.IsCompleted)
        {
            Kill(launched);
            await ((Task)launched.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        lock (_running)
        {
            _running.Remove(launched);
        }
    }

    private static void Kill(object? launched) => ((LaunchedProcess)launched!).Send(Signal.SIGKILL);
}
