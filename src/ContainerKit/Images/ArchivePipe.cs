using System.Buffers;
using System.IO.Pipelines;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>
/// A file as a pipe for who only wants the headers of an archive: content can be left out, and is then zeros that cost
/// nothing instead of what the file holds.
/// </summary>
internal sealed class ArchivePipe(SafeFileHandle file) : PipeReader
{
    private static readonly ReadOnlyMemory<byte> Zeros = new byte[1 << 20];

    private readonly long _length = (long)Syscall.Status(file).Size;
    private readonly byte[] _block = new byte[4096]; // most members are larger: more would be read in vain
    private ReadOnlyMemory<byte> _given;
    private ReadOnlySequence<byte> _lent;
    private long _leftOutUntil;

    /// <summary>
    /// How many bytes were consumed: where the content of a member begins whose headers were read last.
    /// </summary>
    public long Position { get; private set; }

    /// <summary>Leaves out the next bytes, as far as there are so many.</summary>
    public void LeaveOut(long count) =>
        (_leftOutUntil, _given) = (count < _length - Position ? Position + count : _length, default);

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (_given.IsEmpty && Position < _leftOutUntil)
        {
            _given = Zeros[..(int)Math.Min(Zeros.Length, _leftOutUntil - Position)];
        }
        else if (_given.IsEmpty)
        {
            _given = _block.AsMemory(0, Syscall.ReadAt(file, _block, Position));
        }

        _lent = new(_given);
        return ValueTask.FromResult(new ReadResult(
            _lent, isCanceled: false, isCompleted: Position + _given.Length >= _length || _given.IsEmpty));
    }

    public override void AdvanceTo(SequencePosition consumed)
    {
        var count = _lent.Slice(0, consumed).Length;
        _given = _given[(int)count..];
        Position += count;
    }

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => AdvanceTo(consumed);

    public override bool TryRead(out ReadResult result) => throw new NotSupportedException();

    public override void CancelPendingRead()
    {
    }

    public override void Complete(Exception? exception = null)
    {
    }
}
