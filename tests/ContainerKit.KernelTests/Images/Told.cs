namespace ContainerKit.KernelTests;

/// <summary>What was told of the progress of an unpacking, in order; and what is done then.</summary>
internal sealed class Told(Action<UnpackProgress>? then = null) : IProgress<UnpackProgress>
{
    private readonly List<UnpackProgress> _all = [];

    public IReadOnlyList<UnpackProgress> All
    {
        get
        {
            lock (_all)
            {
                return [.. _all];
            }
        }
    }

    /// <inheritdoc/>
    public void Report(UnpackProgress value)
    {
        lock (_all)
        {
            _all.Add(value);
        }

        then?.Invoke(value);
    }
}
