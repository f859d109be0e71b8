namespace ContainerKit.KernelTests;

/// <summary>
/// Groups that this process has as root, as a login gives them, until this is disposed: a test of what is dropped
/// needs something to drop. An ordinary user keeps what it has.
/// </summary>
internal sealed class FurtherGroups : IDisposable
{
    private readonly uint[] _before = Native.Groups();

    public FurtherGroups() => Set([4, 27]);

    /// <inheritdoc/>
    public void Dispose() => Set(_before);

    private static void Set(uint[] groups)
    {
        if (Host.IsRoot)
        {
            Native.SetGroups(groups);
        }
    }
}
