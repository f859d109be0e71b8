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
    private readonly List<TarExtent> _extents = [];
    private long _size, _position;
    private int _extent, _unflushed;

    /// <summary>
    /// Writes a member's headers. The content of a regular file is to follow, packed as <see cref="TarEntry.Extents"/>
    /// say; a directory's name gets its slash.
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
        BeginContent(entry);
    }

    /// <summary>Writes the next part of the member's packed content.</summary>
    public async ValueTask WriteContentAsync(
        ReadOnlyMemory<byte> content, CancellationToken cancellationToken = default)
    {
        while (!content.IsEmpty)
        {
            if (!HasMoreContent())
            {
                throw new ArgumentException("A file holds more than its entry says.", nameof(content));
            }

            var (offset, length) = _extents[_extent];
            await WriteHoleAsync(offset, cancellationToken).ConfigureAwait(false);
            var part = content[..(int)Math.Min(content.Length, offset + length - _position)];
            await WriteBytesAsync(part, cancellationToken).ConfigureAwait(false);
            _position += part.Length;
            content = content[part.Length..];
        }
    }

    /// <summary>Writes the end of the archive and flushes; the pipe stays open.</summary>
    public async ValueTask CompleteAsync(CancellationToken cancellationToken = default)
    {
        await EndContentAsync(cancellationToken).ConfigureAwait(false);
        await WriteZerosAsync(2 * TarHeader.BlockSize, cancellationToken).ConfigureAwait(false);
        await output.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private void BeginContent(TarEntry entry)
    {
        (_size, _position, _extent) = (entry.Kind is TarEntryKind.RegularFile ? entry.Size : 0, 0, 0);
        _extents.Clear();
        _extents.AddRange(entry.Extents);
        if (_extents.Count == 0)
        {
            _extents.Add(new(0, _size));
        }
    }

    private bool HasMoreContent()
    {
        while (_extent < _extents.Count && _position >= _extents[_extent].Offset + _extents[_extent].Length)
        {
            _extent++;
        }

        return _extent < _extents.Count && _extents[_extent].Length > 0;
    }

    private async ValueTask EndContentAsync(CancellationToken cancellationToken)
    {
        if (HasMoreContent())
        {
            throw new InvalidOperationException($"A file's content ends at byte {_position}; its entry says {_size}.");
        }

        await WriteHoleAsync(_size, cancellationToken).ConfigureAwait(false);
        await PadAsync(_size, cancellationToken).ConfigureAwait(false);
        _size = _position = 0;
    }

    private async ValueTask WriteHoleAsync(long end, CancellationToken cancellationToken)
    {
        if (end > _position)
        {
            await WriteZerosAsync(end - _position, cancellationToken).ConfigureAwait(false);
            _position = end;
        }
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
