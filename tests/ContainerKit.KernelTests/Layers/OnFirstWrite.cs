namespace ContainerKit.KernelTests;

/// <summary>Does something when it is first written to.</summary>
internal sealed class OnFirstWrite(Action action) : MemoryStream
{
    private bool _isDone;

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        if (!_isDone)
        {
            _isDone = true;
            action();
        }

        return base.WriteAsync(buffer, cancellationToken);
    }
}
