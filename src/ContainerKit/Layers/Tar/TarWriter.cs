using System.IO.Pipelines;

namespace ContainerKit;

/// <summary>
/// Writes an archive: the same members, the same bytes. A header is of ustar, and what it has no room for goes into a
/// PAX header: long names, large numbers, nanoseconds, times before 1970, attributes. A sparse file is written whole,
/// because the OCI specification advises against sparse archives.
/// </summary>
internal sealed class TarWriter(PipeWriter output)
{
    private const int FlushSize = 64 << 10;

    private static readonly byte[] Zeros = new byte[4096];

    private readonly TarHeaderWriter _member = new(), _extension = new();
    private readonly PaxWriter _records = new();
    private long _size, _missing;
    private int _unflushed;

    /// <summary>
    /// Writes a member's headers. The content of a regular file is to follow; a directory's name gets its slash.
    /// </summary>
    public async ValueTask WriteAsync(TarEntry entry, CancellationToken cancellationToken = default)
    {
        await EndContentAsync(cancellationToken).ConfigureAwait(false);
        _member.Write(entry, _records);
        if (_records.Bytes is { Length: > 0 } records)
        {
            _extension.WriteExtension(records.Length);
            await WriteBytesAsync(_extension.Block, cancellationToken).ConfigureAwait(false);
            await WriteBytesAsync(records, cancellationToken).ConfigureAwait(false);
            await PadAsync(records.Length, cancellationToken).ConfigureAwait(false);
        }

        await WriteBytesAsync(_member.Block, cancellationToken).ConfigureAwait(false);
        _size = _missing = entry.Kind is TarEntryKind.RegularFile ? entry.Size : 0;
    }

    /// <summary>Writes the next part of the member's content.</summary>
    public async ValueTask WriteContentAsync(
        ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        Take(content.Length);
        await WriteBytesAsync(content, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes the next part of the member's content, which is a hole.</summary>
    public async ValueTask WriteHoleAsync(long length, CancellationToken cancellationToken = default)
    {
        Take(length);
        await WriteZerosAsync(length, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Writes the end of the archive and flushes; the pipe stays open.</summary>
    public async ValueTask CompleteAsync(CancellationToken cancellationToken = default)
    {
        await EndContentAsync(cancellationToken).ConfigureAwait(false);
        await WriteZerosAsync(2 * TarHeader.BlockSize, cancellationToken).ConfigureAwait(false);
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private void Take(long length)
    {
        if (length > _missing)
        {
            throw new ArgumentException("A file holds more than its entry says.", nameof(length));
        }

        _missing -= length;
    }

    private async ValueTask EndContentAsync(CancellationToken cancellationToken)
    {
        if (_missing > 0)
        {
            throw new InvalidOperationException($"A file's content lacks {_missing} bytes; its entry says {_size}.");
        }

        await PadAsync(_size, cancellationToken).ConfigureAwait(false);
        _size = 0;
    }

    private ValueTask PadAsync(long length, CancellationToken cancellationToken) =>
        WriteZerosAsync(-length & (TarHeader.BlockSize - 1), cancellationToken);

    private async ValueTask WriteZerosAsync(long count, CancellationToken cancellationToken)
    {
        for (; count > 0; count -= Math.Min(count, Zeros.Length))
        {
            var part = Zeros.AsMemory(0, (int)Math.Min(count, Zeros.Length));
            await WriteBytesAsync(part, cancellationToken).ConfigureAwait(false);
        }
    }

    // Copied in pieces: a pipe makes room for all that is asked of it at once.
    private async ValueTask WriteBytesAsync(ReadOnlyMemory<byte> bytes, CancellationToken cancellationToken)
    {
        while (!bytes.IsEmpty)
        {
            var room = output.GetMemory();
            var part = bytes[..Math.Min(bytes.Length, room.Length)];
            part.CopyTo(room);
            output.Advance(part.Length);
            bytes = bytes[part.Length..];
            if ((_unflushed += part.Length) >= FlushSize)
            {
                _unflushed = 0;
                await output.FlushAsync(cancellationToken).ConfigureAwait(false);
            }
        }
    }
}
