using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// This process's end of a pipe to or from a program: what it writes the program reads, or what the program writes it
/// reads. One read or write at a time.
/// </summary>
internal sealed class ProgramPipe : Stream
{
    private readonly WaitingEnd _end;
    private readonly bool _isRead;

    private ProgramPipe(SafeFileHandle end, SafeFileHandle ofProgram, EpollEvents awaited)
    {
        (_end, OfProgram, _isRead) = (new(end, awaited), ofProgram, awaited is EpollEvents.EPOLLIN);

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
    public override bool CanRead => _isRead && !_end.IsClosed;

    /// <inheritdoc/>
    public override bool CanWrite => !_isRead && !_end.IsClosed;

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
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Check(CanRead);
        return _end.ReadAsync(buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Check(CanWrite);
        return _end.WriteAsync(buffer, cancellationToken);
    }

    /// <inheritdoc/>
    public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override Task WriteAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
        WriteAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

    /// <inheritdoc/>
    public override int Read(byte[] buffer, int offset, int count) =>
        ReadAsync(buffer, offset, count).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public override void Write(byte[] buffer, int offset, int count) =>
        WriteAsync(buffer, offset, count).GetAwaiter().GetResult();

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
        _end.Dispose();
        OfProgram.Dispose();
        base.Dispose(disposing);
    }

    private void Check(bool can)
    {
        ObjectDisposedException.ThrowIf(_end.IsClosed, this);
        if (!can)
        {
            throw new NotSupportedException(
                _isRead ? "A program's output can only be read." : "A program's input can only be written.");
        }
    }
}
