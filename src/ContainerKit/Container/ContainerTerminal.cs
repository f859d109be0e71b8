using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The other side of a program's terminal: what is written here the program reads as if it were typed, and what it
/// writes is read here, as it comes: escape sequences are not interpreted. Reading gives the end while no process has
/// the terminal open; a program that opens it again can be read again. Writing then fails with <see cref="Errno.EIO"/>.
/// One read and one write at a time. Disposing hangs the program up, with SIGHUP.
/// </summary>
#pragma warning disable CA1710 // it is a terminal first, and a stream as sockets and pipes are descriptors
public sealed class ContainerTerminal : Stream
#pragma warning restore CA1710
{
    private readonly WaitingEnd _output, _input;

    private ContainerTerminal(SafeFileHandle output, SafeFileHandle input) =>
        (_output, _input) =
            (new(output, EpollEvents.EPOLLIN, isTerminal: true), new(input, EpollEvents.EPOLLOUT, isTerminal: true));

    /// <summary>The stream over a master, which it owns from now on.</summary>
    internal static ContainerTerminal Open(SafeFileHandle master)
    {
        try
        {
            // A descriptor of its own for each direction: epoll knows each once.
            return new(master, Syscall.Duplicate(master, least: 0));
        }
        catch
        {
            master.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public override bool CanRead => !_output.IsClosed;

    /// <inheritdoc/>
    public override bool CanWrite => !_input.IsClosed;

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

    /// <summary>Changes what it shows, and tells the program in its foreground with SIGWINCH.</summary>
    /// <exception cref="ArgumentException">Columns or rows are not 1 to 65535.</exception>
    /// <exception cref="LinuxException">EIO: no process has the terminal open any more.</exception>
    /// <exception cref="ObjectDisposedException">It was disposed.</exception>
    public void Resize(TerminalSize size)
    {
        if (!size.IsPossible)
        {
            throw new ArgumentException(TerminalSize.Complaint, nameof(size));
        }

        _output.Resize(size.ForKernel);
    }

    /// <inheritdoc/>
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
        _output.ReadAsync(buffer, cancellationToken);

    /// <inheritdoc/>
    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
        _input.WriteAsync(buffer, cancellationToken);

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

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        _input.Dispose();
        _output.Dispose();
        base.Dispose(disposing);
    }
}
