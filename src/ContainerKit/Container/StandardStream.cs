namespace ContainerKit;

/// <summary>What stands behind standard input, output or error of a program.</summary>
public abstract record StandardStream
{
    private protected StandardStream()
    {
    }

    /// <summary>Nothing: /dev/null.</summary>
    public static StandardStream Null { get; } = new NullStream();

    /// <summary>
    /// A stream of the running container: <see cref="ContainerProcess.StandardInput"/>, which the program reads and
    /// which ends when it is disposed, or <see cref="ContainerProcess.StandardOutput"/> and
    /// <see cref="ContainerProcess.StandardError"/>. A program whose output nobody reads waits once the pipe is full.
    /// </summary>
    public static StandardStream Pipe { get; } = new PipedStream();

    /// <summary>
    /// This process's own descriptor. A file that is open here for reading the program can open anew for writing, if
    /// the file's permissions let it. A terminal passed on so lets the program do to it what an open descriptor can,
    /// but not push input into it: it is not that of the program's session.
    /// </summary>
    public static StandardStream Inherit { get; } = new InheritedStream();

    /// <summary>
    /// A terminal of the program's own, which <see cref="ContainerProcess.Terminal"/> is the other side of. Standard
    /// input and output must both be it; standard error is, too, unless said otherwise. A program that nobody reads
    /// waits once it has written a few KiB. It is a terminal of the container's /dev/pts, and no way to one of the
    /// host's.
    /// </summary>
    public static StandardStream Terminal { get; } = new TerminalStream();

    /// <summary>Output is kept, up to a limit; what comes after is read and dropped, and the result says so.</summary>
    public static StandardStream Capture(ByteSize limit) =>
        limit.Bytes >= 0 && limit.Bytes <= Array.MaxLength
            ? new CapturedStream(limit)
            : throw new ArgumentOutOfRangeException(
                nameof(limit), limit, "Up to 2 GiB can be captured; forward longer output with To.");

    /// <summary>
    /// Output is written to a stream as it comes; the stream stays the caller's, and is not closed. At the end what is
    /// in the pipe is written, too, however slow the stream is. A write that is under way when a run is cancelled may
    /// go on.
    /// </summary>
    public static StandardStream To(Stream destination)
    {
        ArgumentNullException.ThrowIfNull(destination);
        return destination.CanWrite
            ? new ForwardedStream(destination)
            : throw new ArgumentException(
                "Output can only be forwarded to a stream that can be written.", nameof(destination));
    }

    /// <summary>
    /// Output of a detached container is written to a file that other processes can read, up to a size (4 KiB to 1
    /// TiB); then that is kept under a second name, in the place of an older one, and another is begun. What a full
    /// disk does not take is dropped. The last of it may come a little after the container's end.
    /// </summary>
    public static StandardStream Log(ByteSize size) =>
        size.Bytes >= 4096 && size.Bytes <= 1L << 40
            ? new LogStream(size)
            : throw new ArgumentOutOfRangeException(nameof(size), size, "A log holds 4 KiB to 1 TiB.");

    internal sealed record LogStream(ByteSize Size) : StandardStream;

    internal sealed record NullStream : StandardStream
    {
        /// <inheritdoc/>
        public override string ToString() => "StandardStream.Null";
    }

    internal sealed record PipedStream : StandardStream
    {
        /// <inheritdoc/>
        public override string ToString() => "StandardStream.Pipe";
    }

    internal sealed record InheritedStream : StandardStream
    {
        /// <inheritdoc/>
        public override string ToString() => "StandardStream.Inherit";
    }

    internal sealed record TerminalStream : StandardStream
    {
        /// <inheritdoc/>
        public override string ToString() => "StandardStream.Terminal";
    }

    internal sealed record CapturedStream(ByteSize Limit) : StandardStream;

    internal sealed record ForwardedStream(Stream Destination) : StandardStream;
}
