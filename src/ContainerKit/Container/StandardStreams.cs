using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The three standard streams of one run, and what is collected from them.</summary>
internal sealed class StandardStreams : IDisposable
{
    /// <summary>How long after the program's end output is waited for that somebody else may still hold open.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private static readonly Lazy<SafeFileHandle> NullDevice =
        // a failure is not kept
        new(() => Syscall.Open("/dev/null", OpenFlags.O_RDWR), LazyThreadSafetyMode.PublicationOnly);

    private readonly SafeFileHandle[] _ofProgram = new SafeFileHandle[3];
    private readonly OutputPipe? _output, _error;
    private readonly ProgramPipe?[] _pipes = new ProgramPipe?[3];

    /// <summary>
    /// Opens what the options say; output of which they say nothing goes to <paramref name="output"/>. A terminal opens
    /// the program itself, in the place of nothing.
    /// </summary>
    public StandardStreams(ContainerOptions options, StandardStream output)
    {
        try
        {
            _ofProgram[0] = Open(0, options.StandardInput, out _);
            _ofProgram[1] = Open(1, options.StandardOutput ?? output, out _output);
            output = options.StandardOutput as StandardStream.TerminalStream ?? output;
            _ofProgram[2] = Open(2, options.StandardError ?? output, out _error);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>Nothing to read, and nowhere to write.</summary>
    public static SafeFileHandle[] None => [NullDevice.Value, NullDevice.Value, NullDevice.Value];

    /// <summary>What becomes 0, 1 and 2 of the program.</summary>
    public SafeFileHandle[] OfProgram => _ofProgram;

    /// <summary>This process's end of the pipe that is 0, 1 or 2 of the program, if it is one.</summary>
    public Stream? Pipe(int number) => _pipes[number];

    /// <summary>What was captured of standard output.</summary>
    public Captured Output => _output?.Captured ?? default;

    /// <summary>What was captured of standard error.</summary>
    public Captured Error => _error?.Captured ?? default;

    /// <summary>Gives up the program's ends, which it has now, and begins to read.</summary>
    public void Start()
    {
        _output?.Start();
        _error?.Start();
        foreach (var pipe in _pipes)
        {
            pipe?.Start();
        }
    }

    /// <summary>
    /// Waits until all is read: for a moment at the most while nothing comes, and for as long as a destination takes to
    /// take what there is. Fails as a destination did.
    /// </summary>
    public async Task EndAsync(CancellationToken cancellationToken)
    {
        var ended = Task.WhenAll(_output?.Ended ?? Task.CompletedTask, _error?.Ended ?? Task.CompletedTask);
        for (var over = false; !over;)
        {
            try
            {
                await ended.WaitAsync(Grace, cancellationToken).ConfigureAwait(false);
                over = true;
            }
            catch (TimeoutException) when (!ended.IsCompleted)
            {
                over = (_output?.Cut() ?? true) & (_error?.Cut() ?? true);
            }
        }

        _output?.ThrowIfFailed();
        _error?.ThrowIfFailed();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _output?.Dispose();
        _error?.Dispose();
        foreach (var pipe in _pipes)
        {
            pipe?.Dispose();
        }
    }

    private SafeFileHandle Open(int number, StandardStream stream, out OutputPipe? pipe)
    {
        pipe = stream switch
        {
            StandardStream.CapturedStream captured => new((int)captured.Limit.Bytes, destination: null),
            StandardStream.ForwardedStream forwarded => new(0, forwarded.Destination),
            _ => null,
        };
        if (stream is StandardStream.PipedStream)
        {
            return (_pipes[number] = number == 0 ? ProgramPipe.ToProgram() : ProgramPipe.FromProgram()).OfProgram;
        }

        return pipe?.FarEnd
            ?? (stream is StandardStream.InheritedStream ? new(number, ownsHandle: false) : NullDevice.Value);
    }
}
