namespace ContainerKit;

internal sealed partial class TarReader
{
    private byte[]? _mapBlock;
    private int _mapUsed;

    private async ValueTask ReadSparseAsync(CancellationToken cancellationToken)
    {
        _mapBlock ??= new byte[TarHeader.BlockSize];
        _sparse.Clear();
        if (_header.Type == 'S')
        {
            await ReadOldMapAsync(cancellationToken).ConfigureAwait(false);
            _sparse.Complete(Number(TarField.RealSize), _unread, _entry);
            return;
        }

        var (size, isMapInContent) = _prelude.Records.Sparse.Resolve(_sparse, _entry);
        if (isMapInContent)
        {
            await ReadMapAsync(cancellationToken).ConfigureAwait(false);
        }

        _sparse.Complete(size, _unread, _entry);
    }

    // GNU tar's own format: four pieces in the header, and blocks of 21 behind it while a flag says so.
    private async ValueTask ReadOldMapAsync(CancellationToken cancellationToken)
    {
        const int InHeader = 4, HeaderOffset = 386, HeaderFlag = 482, InBlock = 21, BlockFlag = 504;
        var isComplete = AddPieces(_header.Block.AsSpan(HeaderOffset), InHeader);
        var hasMore = _header.Block[HeaderFlag] != 0;
        while (hasMore)
        {
            if (isComplete)
            {
                throw _entry.Invalid("A sparse file's map goes on after its end.", "isextended", 1);
            }

            await ReadExactlyAsync(_mapBlock!, "sparse", cancellationToken).ConfigureAwait(false);
            isComplete = AddPieces(_mapBlock, InBlock);
            hasMore = _mapBlock![BlockFlag] != 0;
        }
    }

    // True at the empty piece that ends the map. Some look for it in the offset, some in the length: it must be both.
    private bool AddPieces(ReadOnlySpan<byte> pieces, int count)
    {
        const int FieldLength = 12;
        for (; count > 0; count--, pieces = pieces[(2 * FieldLength)..])
        {
            var offset = pieces[..FieldLength];
            var length = pieces.Slice(FieldLength, FieldLength);
            if (offset[0] == 0 && length[0] == 0)
            {
                return true;
            }

            if (offset[0] == 0 || length[0] == 0
                || !TarNumber.TryParseField(offset, out var at) || !TarNumber.TryParseField(length, out var bytes))
            {
                throw _entry.Invalid("A piece of a sparse file is none.", "sparse", pieces[..(2 * FieldLength)]);
            }

            _sparse.Add(at, bytes, _entry);
        }

        return false;
    }

    // Version 1.0: lines of decimal numbers, the first the count of pieces, padded to whole blocks.
    private async ValueTask ReadMapAsync(CancellationToken cancellationToken)
    {
        _mapUsed = TarHeader.BlockSize;
        var count = await ReadMapNumberAsync(cancellationToken).ConfigureAwait(false);
        if (count > limits.MaxExtents)
        {
            throw _entry.Invalid($"A sparse file has more than {limits.MaxExtents} pieces.", "sparse", count);
        }

        for (; count > 0; count--)
        {
            var offset = await ReadMapNumberAsync(cancellationToken).ConfigureAwait(false);
            _sparse.Add(offset, await ReadMapNumberAsync(cancellationToken).ConfigureAwait(false), _entry);
        }
    }

    private async ValueTask<long> ReadMapNumberAsync(CancellationToken cancellationToken)
    {
        for (var (number, digits) = (0L, 0); ; digits++)
        {
            if (_mapUsed == TarHeader.BlockSize)
            {
                await ReadMapBlockAsync(cancellationToken).ConfigureAwait(false);
            }

            var digit = _mapBlock![_mapUsed++];
            if (digit == '\n' && digits > 0)
            {
                return number;
            }

            if (!char.IsAsciiDigit((char)digit) || digits == 18) // which a long holds in any case
            {
                throw _entry.Invalid("A sparse file's map is none.", "sparse", _mapBlock.AsSpan(0, _mapUsed));
            }

            number = (number * 10) + (digit - '0');
        }
    }

    private async ValueTask ReadMapBlockAsync(CancellationToken cancellationToken)
    {
        if (_unread < TarHeader.BlockSize)
        {
            throw _entry.Invalid("A sparse file's map is longer than its content.", "size", _unread);
        }

        await ReadExactlyAsync(_mapBlock!, "sparse", cancellationToken).ConfigureAwait(false);
        (_unread, _mapUsed) = (_unread - TarHeader.BlockSize, 0);
    }
}
