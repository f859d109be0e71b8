using System.Buffers;
using System.Runtime.ExceptionServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>A pipe from the program, read to its end: kept up to a limit, or passed on to a stream.</summary>
internal sealed class OutputPipe : IDisposable
{
    private const int BlockSize = 64 * 1024;

    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SafeFileHandle _end;
    private readonly int _limit;
    private readonly Stream? _destination;
    private EventLoop.Watch _watch;
    private Exception? _failure;
    private byte[] _kept = [];
    private int _keptLength;
    private bool _truncated, _forwarding, _draining;
    private int _leftToForward = 1 << 20; // of the largest pipe, once the program is gone

    public OutputPipe(int limit, Stream? destination)
    {
        (_limit, _destination) = (limit, destination);
        (_end, FarEnd) = Syscall.Pipe();
        Syscall.DoNotBlock(_end);

        // So that the program can open /dev/stdout, whoever it is; nobody else can reach a pipe by name.
        Syscall.ChangeMode(FarEnd, 0x1B6); // 0666
    }

    /// <summary>The program's end.</summary>
    public SafeFileHandle FarEnd { get; }

    /// <summary>
    /// Completes when nobody holds the program's end any more and all is read; fails as the destination did.
    /// </summary>
    public Task Ended => _ended.Task;

    /// <summary>What was kept.</summary>
    public Captured Captured
    {
        get
        {
            lock (_ended)
            {
                return new(_kept.AsMemory(0, _keptLength), _truncated);
            }
        }
    }

    /// <summary>Gives up the program's end, which it has now, and begins to read.</summary>
    public void Start()
    {
        FarEnd.Dispose();
        Watch();
    }

    /// <summary>
    /// Once the program is gone: reads no more, and says that something may be missing, unless the destination still
    /// has to take what the program left in the pipe. What exceeds a pipe comes from somebody else.
    /// </summary>
    public bool Cut()
    {
        lock (_ended)
        {
            if (!_forwarding)
            {
                Ready();
            }

            if (_forwarding && _leftToForward > 0)
            {
                _draining = true;
                return false;
            }

            _truncated |= !_ended.Task.IsCompleted;
        }

        Dispose();
        return true;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_ended)
        {
            _watch.Dispose();
            FarEnd.Dispose();
            _end.Dispose();
        }
    }

    private void Watch()
    {
        lock (_ended)
        {
            _forwarding = false;
            if (!_end.IsClosed)
            {
                _watch = EventLoop.Add(_end, Ready);
            }
        }
    }

    /// <summary>Reads one block, so that a flood delays other containers by no more than that.</summary>
    private void Ready()
    {
        lock (_ended)
        {
            if (_end.IsClosed || _forwarding)
            {
                return;
            }

            var block = ArrayPool<byte>.Shared.Rent(BlockSize);
            var length = Syscall.Read(_end, block);
            if (length > 0 && _destination is not null && _failure is null)
            {
                _watch.Dispose();
                _forwarding = true;
                _leftToForward -= _draining ? length.Value : 0;
                _ = ForwardAsync(block, length.Value);
                return;
            }

            if (length > 0 && _failure is null)
            {
                Keep(block.AsSpan(0, length.Value));
            }
            else if (length == 0)
            {
                End();
            }

            ArrayPool<byte>.Shared.Return(block);
        }
    }

    private void End()
    {
        _watch.Dispose();
        if (_failure is null)
        {
            _ended.TrySetResult();
        }
        else
        {
            _ended.TrySetException(_failure);
        }
    }

    /// <summary>
    /// Passes a block on, and only then reads the next. When the destination fails, the rest is read and dropped.
    /// </summary>
    private async Task ForwardAsync(byte[] block, int length)
    {
        await Task.Yield(); // off the event loop: the stream is the caller's, and may wait
        try
        {
            await _destination!.WriteAsync(block.AsMemory(0, length)).ConfigureAwait(false);
        }
#pragma warning disable CA1031 // whatever it is, it is handed to who waits for the end
        catch (Exception failure)
#pragma warning restore CA1031
        {
            _failure = failure;
        }

        ArrayPool<byte>.Shared.Return(block);
        try
        {
            Watch();
        }
        catch (LinuxException failure)
        {
            lock (_ended)
            {
                _failure ??= failure;
                End();
                _end.Dispose(); // or the program would wait for a reader
            }
        }
    }

    /// <summary>Throws what went wrong with the destination, or with keeping.</summary>
    public void ThrowIfFailed()
    {
        lock (_ended)
        {
            if (_failure is not null)
            {
                ExceptionDispatchInfo.Throw(_failure);
            }
        }
    }

    private void Keep(ReadOnlySpan<byte> bytes)
    {
        var length = Math.Min(bytes.Length, _limit - _keptLength);
        _truncated |= length < bytes.Length;
        try
        {
            if (_keptLength + length > _kept.Length)
            {
                Array.Resize(ref _kept, (int)Math.Min(_limit, Math.Max(_keptLength + length, 2L * _kept.Length)));
            }
        }
        catch (OutOfMemoryException failure)
        {
            _failure = failure; // of the run, not of the thread that all containers share
            return;
        }

        bytes[..length].CopyTo(_kept.AsSpan(_keptLength));
        _keptLength += length;
    }
}
