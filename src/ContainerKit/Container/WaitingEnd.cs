using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// This process's end of a pipe or a terminal: what it reads or writes waits for the other side, and no thread waits in
/// it. One read or write at a time.
/// </summary>
internal sealed class WaitingEnd : IDisposable
{
    private readonly SafeFileHandle _end;
    private readonly EpollEvents _awaited;
    private readonly bool _isTerminal;
    private readonly Lock _waiting = new();
    private TaskCompletionSource? _ready;
    private EventLoop.Watch _watch;

    /// <summary>An end, which is this object's from now on, and what it waits for: to read, or to write.</summary>
    public WaitingEnd(SafeFileHandle end, EpollEvents awaited, bool isTerminal = false)
    {
        (_end, _awaited, _isTerminal) = (end, awaited, isTerminal);
        Syscall.DoNotBlock(end);
    }

    /// <summary>Whether it was disposed.</summary>
    public bool IsClosed => _end.IsClosed;

    /// <summary>Reads what is there once there is something, or gives 0 at the end.</summary>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if ((_isTerminal ? Syscall.ReadMaster(_end, buffer.Span) : Syscall.Read(_end, buffer.Span)) is { } length)
            {
                return length;
            }

            await ReadyAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Writes all of a buffer, as there comes to be room for it.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        while (!buffer.IsEmpty)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (_isTerminal)
            {
                CheckIsOpen("write");
            }

            if (Syscall.Write(_end, buffer.Span) is { } length)
            {
                buffer = buffer[length..];
                continue;
            }

            await ReadyAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Changes what a terminal shows; fails with EIO when no process has it open any more.</summary>
    public void Resize(WindowSize size)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        Syscall.SetWindowSize(_end, size);
        CheckIsOpen("ioctl");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_waiting)
        {
            _watch.Dispose();
            _end.Dispose();
            _ready?.TrySetException(new ObjectDisposedException(nameof(Stream)));
        }
    }

    /// <summary>Complains that nobody has a terminal open, which the kernel does not.</summary>
    private void CheckIsOpen(string call)
    {
        if (Syscall.IsHungUp(_end))
        {
            throw new LinuxException(call, Errno.EIO);
        }
    }

    private async Task ReadyAsync(CancellationToken cancellationToken)
    {
        TaskCompletionSource ready;
        lock (_waiting)
        {
            ObjectDisposedException.ThrowIf(_end.IsClosed, this);
            ready = _ready = new(TaskCreationOptions.RunContinuationsAsynchronously);
            _watch = EventLoop.Add(_end, OnReady, _awaited);
        }

        try
        {
            await ready.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            lock (_waiting)
            {
                _watch.Dispose();
            }
        }
    }

    private void OnReady()
    {
        lock (_waiting)
        {
            if (!_end.IsClosed)
            {
                _watch.Dispose();
                _ready!.TrySetResult();
            }
        }
    }
}
