using System.Buffers;
using System.IO.Pipelines;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Writes a tree as an archive.</summary>
internal static class TreeArchive
{
    private const int BufferSize = 128 << 10;

    private static readonly StreamPipeWriterOptions Large = new(minimumBufferSize: BufferSize, leaveOpen: true);

    /// <summary>Writes all of it, and leaves the stream open.</summary>
    public static async Task WriteAsync(TreeReader tree, Stream output, CancellationToken cancellationToken)
    {
        var pipe = PipeWriter.Create(output, Large);
        var (archive, buffer) = (new TarWriter(pipe), ArrayPool<byte>.Shared.Rent(BufferSize));
        try
        {
            while (tree.Next() is { } entry)
            {
                cancellationToken.ThrowIfCancellationRequested();
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
        TreeReader tree, TarEntry entry, TarWriter archive, byte[] buffer, CancellationToken cancellationToken)
    {
        using var file = tree.OpenContent();
        foreach (var (offset, length) in entry.Extents is { Count: > 0 } some ? some : [new(0, entry.Size)])
        {
            for (var done = 0L; done < length;)
            {
                var part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, length - done));
                var count = Syscall.ReadAt(file, part.Span, offset + done);
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
}
