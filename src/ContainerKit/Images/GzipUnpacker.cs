using System.IO.Compression;

namespace ContainerKit.Images;

/// <summary>
/// Unpacks gzip members one after the other. The framework's stream takes data that is cut off, and anything behind the
/// last member, for a proper end; one byte that can belong to nothing, put behind the end, tells the three apart.
/// </summary>
internal sealed class GzipUnpacker : UnpackingStream
{
    private readonly EndMarked _input;
    private readonly GZipStream _members;

    public GzipUnpacker(BlobInput input)
    {
        _input = new(input);
        _members = new(_input, CompressionMode.Decompress);
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        var count = await _members.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
        return count > 0 || buffer.IsEmpty || _input.State == End.MarkTaken ? count : throw new InvalidDataException(
            _input.State == End.Before ? "Something follows the last gzip member." : "The gzip member is cut off.");
    }

    protected override void Dispose(bool disposing)
    {
        _members.Dispose();
        base.Dispose(disposing);
    }

    private enum End
    {
        Before,
        MarkTaken,
        MoreWanted,
    }

    // After a whole member the mark is looked at, and is no member: nothing more is read. Inside of one it is
    // swallowed, and more is read. It is a single zero: of more, some could complete a length that is cut off and
    // the others be looked at.
    private sealed class EndMarked(BlobInput input) : UnpackingStream
    {
        public End State { get; private set; }

        public override async ValueTask<int> ReadAsync(
            Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            var count = await input.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            if (count > 0)
            {
                return count;
            }

            State = State == End.Before ? End.MarkTaken : End.MoreWanted;
            buffer.Span[0] = 0;
            return State == End.MarkTaken ? 1 : 0;
        }
    }
}
