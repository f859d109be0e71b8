using System.Buffers;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>A pipe from the program, read to its end: kept up to a limit, or passed on to a stream.</summary>
internal sealed class OutputPipe : IDisposable
{
    private const int BlockSize = 64 * 1024;

    private readonly int _limit;
    private readonly Stream? _destination;
    private readonly SafeFileHandle _end;
    private readonly SemaphoreSlim _ready = new(0, 1);
    private readonly ArrayBufferWriter<byte> _kept = new();
    private EventLoop.Watch _watch;
    private volatile bool _cut, _truncated;

    public OutputPipe(int limit, Stream? destination)
    {
        (_limit, _destination) = (limit, destination);
        (_end, FarEnd) = Syscall.Pipe();

        // So that the program can open /dev/stdout, whoever it is; nobody else can reach a pipe by name.
        Syscall.ChangeMode(FarEnd, 0x1B6); // 0666
    }

    /// <summary>The program's end.</summary>
    public SafeFileHandle FarEnd { get; }

    /// <summary>What was kept.</summary>
    public Captured Captured => new(_kept.WrittenMemory, _truncated);

    /// <summary>Gives up the program's end, and reads until nobody holds it any more.</summary>
    public async Task Started()
    {
        FarEnd.Dispose();
        _watch = EventLoop.Add(_end, Ready);
        var block = ArrayPool<byte>.Shared.Rent(BlockSize);
        try
        {
            while (!_cut)
            {
                if (Syscall.Read(_end, block) is not { } length)
                {
                    await _ready.WaitAsync().ConfigureAwait(false);
                }
                else if (length == 0)
                {
                    return;
                }
                else if (_destination is not null)
                {
                    await _destination.WriteAsync(block.AsMemory(0, length)).ConfigureAwait(false);
                }
                else
                {
                    Keep(block.AsSpan(0, length));
                }
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(block);
        }
    }

    /// <summary>Reads no more.</summary>
    public void Cut()
    {
        _cut = _truncated = true;
        Ready();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _watch.Dispose();
        FarEnd.Dispose();
        _end.Dispose();
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        var kept = Math.Min(bytes.Length, _limit - _kept.WrittenCount);
        _kept.Write(bytes[..kept]);
        _truncated |= kept < bytes.Length;
    }

    private void Ready()
    {
        if (_ready.CurrentCount == 0)
        {
            try
            {
                _ready.Release();
            }
            catch (SemaphoreFullException)
            {
                // Somebody else said so at the same moment.
            }
        }
    }
}
