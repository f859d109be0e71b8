using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// This process's end of a pipe to or from a program: what it writes the program reads, or what the program writes it
/// reads. No thread waits in it. One read or write at a time.
/// </summary>
internal sealed class ProgramPipe : Stream
{
    private readonly SafeFileHandle _end;
    private readonly EpollEvents _awaited;
    private readonly Lock _waiting = new();
    private TaskCompletionSource? _ready;
    private EventLoop.Watch _watch;

    private ProgramPipe(SafeFileHandle end, SafeFileHandle ofProgram, EpollEvents awaited)
    {
        (_end, OfProgram, _awaited) = (end, ofProgram, awaited);
        Syscall.DoNotBlock(end);

        // So that the program can open /dev/stdin or /dev/stdout, whoever it is; nobody else can reach a pipe by name.
        Syscall.ChangeMode(ofProgram, 0x1B6); // 0666
    }

    /// <summary>A pipe that the program reads.</summary>
    public static ProgramPipe ToProgram()
    {
        var (read, write) = Syscall.Pipe();
        return new(write, read, EpollEvents.EPOLLOUT);
    }

    /// <summary>A pipe that the program writes.</summary>
    public static ProgramPipe FromProgram()
    {
        var (read, write) = Syscall.Pipe();
        return new(read, write, EpollEvents.EPOLLIN);
    }

    /// <summary>The program's end.</summary>
    public SafeFileHandle OfProgram { get; }

    /// <inheritdoc/>
    public override bool CanRead => _awaited is EpollEvents.EPOLLIN && !_end.IsClosed;

    /// <inheritdoc/>
    public override bool CanWrite => _awaited is EpollEvents.EPOLLOUT && !_end.IsClosed;

    /// <inheritdoc/>
    public override bool CanSeek => false;

    /// <inheritdoc/>
    public override long Length => throw new NotSupportedException();

    /// <inheritdoc/>
    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <inheritdoc/>
    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Check(CanRead);
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Syscall.Read(_end, buffer.Span) is { } length)
            {
                return length;
            }

            await ReadyAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Check(CanWrite);
        while (!buffer.IsEmpty)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (Syscall.Write(_end, buffer.Span) is { } length)
            {
                buffer = buffer[length..];
                continue;
            }

            await ReadyAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) => ReadAsync(buffer, offset, count).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) => WriteAsync(buffer, offset, count).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override void Flush()
    {
        // Nothing is kept back.
    }

    /// <inheritdoc/>
    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    /// <inheritdoc/>
    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>Closes the program's end in this process, once the program has it.</summary>
    public void Start() => OfProgram.Dispose();

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        lock (_waiting)
        {
            _watch.Dispose();
            _end.Dispose();
            OfProgram.Dispose();
            _ready?.TrySetException(new ObjectDisposedException(nameof(ProgramPipe)));
        }

        base.Dispose(disposing);
    }

    private void Check(bool can)
    {
        ObjectDisposedException.ThrowIf(_end.IsClosed, this);
        if (!can)
        {
            throw new NotSupportedException(
                _awaited is EpollEvents.EPOLLIN ? "A program's output can only be read." : "A program's input can only be written.");
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
