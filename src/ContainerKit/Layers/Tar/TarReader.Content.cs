using System.Buffers;
using System.IO.Pipelines;

namespace ContainerKit;

internal sealed partial class TarReader
{
    private long _unread, _padding;
    private ReadOnlySequence<byte>? _lent;

    /// <summary>
    /// What has come of the member's packed content, at least a byte; of a sparse file the pieces one after the other.
    /// Empty at its end. It holds until <see cref="AdvanceContent"/>, which says how much of it is done with.
    /// </summary>
    public async ValueTask<ReadOnlySequence<byte>> ReadContentAsync(CancellationToken cancellationToken = default)
    {
        AdvanceContent(0);
        if (_unread == 0)
        {
            return default;
        }

        var result = await ReadInputAsync(cancellationToken).ConfigureAwait(false);
        if (result.Buffer.IsEmpty)
        {
            throw Truncated("content");
        }

        _lent = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, _unread));
        return _lent.Value;
    }

    /// <summary>Says how much of what was read last is done with; the rest comes again.</summary>
    public void AdvanceContent(long count)
    {
        if (_lent is not { } lent)
        {
            ArgumentOutOfRangeException.ThrowIfNotEqual(count, 0);
            return;
        }

        input.AdvanceTo(lent.GetPosition(count));
        _lent = null;
        _unread -= count;
        _position += count;
    }

    private async ValueTask SkipContentAsync(CancellationToken cancellationToken)
    {
        AdvanceContent(0);
        var count = _unread + _padding;
        (_unread, _padding) = (0, 0);
        await SkipAsync(count, cancellationToken).ConfigureAwait(false);
    }

    private async ValueTask SkipAsync(long count, CancellationToken cancellationToken)
    {
        while (count > 0)
        {
            var result = await ReadInputAsync(cancellationToken).ConfigureAwait(false);
            if (result.Buffer.IsEmpty)
            {
                throw Truncated("content");
            }

            var skipped = Math.Min(count, result.Buffer.Length);
            input.AdvanceTo(result.Buffer.GetPosition(skipped));
            _position += skipped;
            count -= skipped;
        }
    }

    private async ValueTask ReadExactlyAsync(Memory<byte> destination, string part, CancellationToken cancellationToken)
    {
        while (!destination.IsEmpty)
        {
            var result = await ReadInputAsync(cancellationToken).ConfigureAwait(false);
            if (result.Buffer.IsEmpty)
            {
                throw Truncated(part);
            }

            var read = result.Buffer.Slice(0, Math.Min(result.Buffer.Length, destination.Length));
            read.CopyTo(destination.Span);
            destination = destination[(int)read.Length..];
            _position += read.Length;
            input.AdvanceTo(read.End);
        }
    }

    // With something in it, or at the end.
    private async ValueTask<ReadResult> ReadInputAsync(CancellationToken cancellationToken)
    {
        while (true)
        {
            var result = await input.ReadAsync(cancellationToken).ConfigureAwait(false);
            if (result.IsCanceled)
            {
                input.AdvanceTo(result.Buffer.Start);
                throw new OperationCanceledException("The reading of the archive was cancelled.");
            }

            if (!result.Buffer.IsEmpty || result.IsCompleted)
            {
                return result;
            }

            input.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    private InvalidImageException Truncated(string part) =>
        _entry.Invalid($"The archive ends at byte {_position}, in the middle.", part, _position);

    private static bool HasOnlyZeros(ReadOnlySequence<byte> buffer)
    {
        foreach (var segment in buffer)
        {
            if (segment.Span.ContainsAnyExcept((byte)0))
            {
                return false;
            }
        }

        return true;
    }
}
