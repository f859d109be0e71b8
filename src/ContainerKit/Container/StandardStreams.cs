using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The three standard streams of one run, and what is collected from them.</summary>
internal sealed class StandardStreams : IDisposable
{
    /// <summary>How long after the program's end output is waited for that somebody else may still hold open.</summary>
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);

    private static readonly Lazy<SafeFileHandle> NullDevice = new(() => Syscall.Open("/dev/null", OpenFlags.O_RDWR));
    private static readonly SafeFileHandle[] Own = [.. Enumerable.Range(0, 3).Select(number => new SafeFileHandle(number, ownsHandle: false))];

    private readonly SafeFileHandle[] _ofProgram = new SafeFileHandle[3];
    private readonly OutputPipe?[] _pipes = new OutputPipe?[3];

    public StandardStreams(ContainerOptions options)
    {
        try
        {
            Open(0, options.StandardInput);
            Open(1, options.StandardOutput);
            Open(2, options.StandardError);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What becomes 0, 1 and 2 of the program.</summary>
    public ReadOnlySpan<SafeFileHandle> OfProgram => _ofProgram;

    /// <summary>What was captured of standard output.</summary>
    public Captured Output => _pipes[1]?.Captured ?? default;

    /// <summary>What was captured of standard error.</summary>
    public Captured Error => _pipes[2]?.Captured ?? default;

    /// <summary>Gives up the program's ends, which it has now, and begins to read.</summary>
    public Task Started() => Task.WhenAll(_pipes.Where(pipe => pipe is not null).Select(pipe => pipe!.Started()));

    /// <summary>Waits until all is read, for a moment at the most.</summary>
    public async Task EndAsync(Task reading)
    {
        try
        {
            await reading.WaitAsync(Grace).ConfigureAwait(false);
        }
        catch (TimeoutException)
        {
            foreach (var pipe in _pipes)
            {
                pipe?.Cut();
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var pipe in _pipes)
        {
            pipe?.Dispose();
        }
    }

    private void Open(int number, StandardStream stream)
    {
        switch (stream)
        {
            case StandardStream.InheritedStream:
                _ofProgram[number] = Own[number];
                return;
            case StandardStream.CapturedStream captured:
                _pipes[number] = new((int)captured.Limit.Bytes, destination: null);
                break;
            case StandardStream.ForwardedStream forwarded:
                _pipes[number] = new(0, forwarded.Destination);
                break;
            default:
                _ofProgram[number] = NullDevice.Value;
                return;
        }

        _ofProgram[number] = _pipes[number]!.FarEnd;
    }
}
