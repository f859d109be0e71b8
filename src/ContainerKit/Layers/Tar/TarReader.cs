using System.IO.Pipelines;

namespace ContainerKit;

/// <summary>
/// Reads an archive: ustar, PAX, GNU and the old v7, by what each header says of itself. What implementations read
/// differently is no archive here, so that nobody can show one tree to a scanner and another one to the store: an
/// <see cref="InvalidImageException"/> names the member, the field and what it holds.
/// </summary>
internal sealed partial class TarReader(PipeReader input, TarLimits limits)
{
    private readonly TarHeader _header = new();
    private readonly TarEntry _entry = new();
    private readonly TarPrelude _prelude = new(limits);
    private readonly SparseMap _sparse = new(limits);
    private long _position, _content;
    private int _entries;
    private bool _isAtEnd;

    /// <summary>
    /// The next member, or null when there is none; then the archive has been read to its end, and only zeros followed.
    /// What was not read of the last one is skipped. It is always the same object.
    /// </summary>
    public async ValueTask<TarEntry?> ReadAsync(CancellationToken cancellationToken = default)
    {
        await SkipContentAsync(cancellationToken).ConfigureAwait(false);
        _prelude.Clear();
        while (!_isAtEnd && await ReadHeaderAsync(cancellationToken).ConfigureAwait(false))
        {
            if (!TarPrelude.Takes(_header.Type))
            {
                await OpenAsync(cancellationToken).ConfigureAwait(false);
                return _entry;
            }

            await ReadPreludeAsync(cancellationToken).ConfigureAwait(false);
        }

        if (!_isAtEnd)
        {
            _prelude.RefuseEnd(_entry);
            await ReadEndAsync(cancellationToken).ConfigureAwait(false);
        }

        return null;
    }

    // False at the first of the two blocks of zeros that end an archive.
    private async ValueTask<bool> ReadHeaderAsync(CancellationToken cancellationToken)
    {
        _entry.Clear();
        await ReadExactlyAsync(_header.Block, "header", cancellationToken).ConfigureAwait(false);
        if (_header.IsZero)
        {
            return false;
        }

        _entry.Path = _header.ReadPath();
        if (!_header.HasRightChecksum())
        {
            throw Invalid(
                $"The header at byte {_position - TarHeader.BlockSize} has a wrong checksum.", TarField.Checksum);
        }

        if (_header.Format is null)
        {
            throw Invalid("A header is neither of ustar nor of GNU nor of v7.", TarField.Magic);
        }

        // Of those about one member there is at most one of a kind.
        if (_header.Type is not ((byte)'x' or (byte)'L' or (byte)'K') && ++_entries > limits.MaxEntries)
        {
            throw _entry.Invalid($"The archive has more than {limits.MaxEntries} members.", "entries", _entries);
        }

        return true;
    }

    private async ValueTask ReadPreludeAsync(CancellationToken cancellationToken)
    {
        var length = Number(TarField.Size);
        var body = _prelude.Reserve(_header.Type, length, _entry);
        await ReadExactlyAsync(body, "extended header", cancellationToken).ConfigureAwait(false);
        await SkipAsync(Padding(length), cancellationToken).ConfigureAwait(false);
        _prelude.Add(_header.Type, body, _entry);
    }

    private async ValueTask OpenAsync(CancellationToken cancellationToken)
    {
        _prelude.Resolve(_entry);
        var size = TarMember.Read(_header, _prelude, _entry, limits);
        (_unread, _padding) = (size, Padding(size));
        if (_header.Type == 'S' || _prelude.Records.Sparse.IsSparse)
        {
            await ReadSparseAsync(cancellationToken).ConfigureAwait(false);
        }

        if (_entry.Size > limits.MaxContent.Bytes - _content)
        {
            throw _entry.Invalid($"The archive unpacks to more than {limits.MaxContent}.", "size", _entry.Size);
        }

        _content += _entry.Size;
    }

    // Nothing may hide behind the end: GNU tar reads on there with --ignore-zeros, others concatenate.
    private async ValueTask ReadEndAsync(CancellationToken cancellationToken)
    {
        _isAtEnd = true;
        var start = _position;
        while (true)
        {
            var result = await ReadInputAsync(cancellationToken).ConfigureAwait(false);
            var hasOnlyZeros = HasOnlyZeros(result.Buffer);
            _position += result.Buffer.Length;
            input.AdvanceTo(result.Buffer.End);
            if (!hasOnlyZeros || _position - start > limits.MaxPadding.Bytes)
            {
                throw new InvalidImageException(
                    $"After the archive's end comes more, or more zeros than {limits.MaxPadding}.", field: "end",
                    value: $"byte {start}");
            }

            if (result.IsCompleted)
            {
                return;
            }
        }
    }

    private long Number(TarField field) => TarMember.Number(_header, field, _entry);

    private InvalidImageException Invalid(string message, TarField field) =>
        _entry.Invalid(message, field.Name, _header.Field(field));

    private static long Padding(long size) => -size & (TarHeader.BlockSize - 1);
}
