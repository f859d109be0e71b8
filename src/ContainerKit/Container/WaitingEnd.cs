using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// This process's end of a pipe or a terminal: what it reads or writes waits for the other side, and no thread waits in
/// it for more than a moment. One read or write at a time.
/// </summary>
internal sealed class WaitingEnd : IDisposable
{
    /// <summary>How many bytes at once make a flow; a terminal never gives more than 4095.</summary>
    private const int Flow = 1024;

    /// <summary>
    /// From how many on a pipe is made to hold more than the 64 KiB it has at first, and how many that is.
    /// </summary>
    private const int LargeFlow = 16 * 1024, LargePipe = 256 * 1024;

    private static readonly TimeSpan Moment = TimeSpan.FromMicroseconds(50);

    private readonly SafeFileHandle _end;
    private readonly EpollEvents _awaited;
    private readonly bool _isTerminal;
    private readonly Lock _waiting = new();
    private bool _flows, _isLarge;
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
    public ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        return !cancellationToken.IsCancellationRequested && TryRead(buffer.Span) is { } length
            ? new(length)
            : WaitAndReadAsync(buffer, cancellationToken);
    }

    /// <summary>Writes all of a buffer, as there comes to be room for it.</summary>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(IsClosed, this);
        CheckIsOpen("write");
        while (!buffer.IsEmpty)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Syscall.Write(_end, buffer.Span) is { } length)
            {
                OnMoved(length);
                buffer = buffer[length..];
                continue;
            }

            CheckIsOpen("write"); // or it would be ready, and have no room, for ever
            if (!IsReadyInAMoment())
            {
                await ReadyAsync(cancellationToken).ConfigureAwait(false);
            }
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
        if (_isTerminal && Syscall.IsHungUp(_end))
        {
            throw new LinuxException(call, Errno.EIO);
        }
    }

    private int? TryRead(Span<byte> buffer)
    {
        do
        {
            if ((_isTerminal ? Syscall.ReadMaster(_end, buffer) : Syscall.Read(_end, buffer)) is { } length)
            {
                OnMoved(length);
                return length;
            }
        }
        while (IsReadyInAMoment());
        return null;
    }

    private async ValueTask<int> WaitAndReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await ReadyAsync(cancellationToken).ConfigureAwait(false);
            if (TryRead(buffer.Span) is { } length)
            {
                return length;
            }
        }
    }

    private void OnMoved(int length)
    {
        _flows = length >= Flow;
        if (length >= LargeFlow && !_isLarge && !_isTerminal)
        {
            _isLarge = true;
            _ = Syscall.TrySetPipeSize(_end, LargePipe); // or it stays as it is
        }
    }

    /// <summary>
    /// Waits for the next of a flow, for no longer than the way through the event loop takes: what a full terminal or
    /// pipe holds the other side has dealt with by then. One that says something now and then is not waited for so.
    /// </summary>
    private bool IsReadyInAMoment() => _flows = _flows && Syscall.IsReady(_end, _awaited, Moment);

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
