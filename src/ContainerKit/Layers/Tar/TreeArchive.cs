using System.Buffers;
using System.IO.Pipelines;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Writes a tree as an archive.</summary>
internal static class TreeArchive
{
    private const int BufferSize = 128 << 10;

    private static readonly StreamPipeWriterOptions Large = new(minimumBufferSize: BufferSize, leaveOpen: true);

    /// <summary>Writes all of it, and leaves the stream open.</summary>
    /// <exception cref="InvalidImageException">The files are longer together than may be written.</exception>
    public static async Task WriteAsync(
        TreeSource tree, Stream output, ByteSize most, CancellationToken cancellationToken)
    {
        var left = most.Bytes;
        var pipe = PipeWriter.Create(output, Large);
        var (archive, buffer) = (new TarWriter(pipe), ArrayPool<byte>.Shared.Rent(BufferSize));
        try
        {
            while (tree.Next() is { } entry)
            {
                cancellationToken.ThrowIfCancellationRequested();
                left = entry.Size <= left ? left - entry.Size : throw entry.Invalid(
                    $"The files are longer than {most} together, and holes are written as zeros.", "size", entry.Size);
                await archive.WriteAsync(entry, cancellationToken).ConfigureAwait(false);
                if (entry.Size > 0)
                {
                    await WriteContentAsync(tree, entry, archive, buffer, cancellationToken).ConfigureAwait(false);
                }
            }

            await archive.CompleteAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
            await pipe.CompleteAsync().ConfigureAwait(false);
        }
    }

    private static async Task WriteContentAsync(
        TreeSource tree, TarEntry entry, TarWriter archive, byte[] buffer, CancellationToken cancellationToken)
    {
        using var file = tree.OpenContent();
        var end = 0L;
        foreach (var piece in tree.PiecesOf(file))
        {
            await archive.WriteHoleAsync(piece.Offset - end, cancellationToken).ConfigureAwait(false);
            end = piece.Offset + piece.Length;
            await WriteAsync(file, piece, archive, buffer, cancellationToken).ConfigureAwait(false);
        }

        await archive.WriteHoleAsync(entry.Size - end, cancellationToken).ConfigureAwait(false);
    }

    private static async Task WriteAsync(
        SafeFileHandle file, TarExtent piece, TarWriter archive, byte[] buffer, CancellationToken cancellationToken)
    {
        for (var done = 0L; done < piece.Length;)
        {
            var part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, piece.Length - done));
            var count = Syscall.ReadAt(file, part.Span, piece.Offset + done);
            if (count == 0)
            {
                part.Span.Clear(); // a container runs on it, and cut it off
                count = part.Length;
            }

            await archive.WriteContentAsync(part[..count], cancellationToken).ConfigureAwait(false);
            done += count;
        }
    }
}
