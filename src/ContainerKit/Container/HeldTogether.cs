namespace ContainerKit;

/// <summary>Two things that are disposed when a container is gone.</summary>
internal sealed class HeldTogether : IDisposable
{
    private readonly IDisposable _first, _second;

    private HeldTogether(IDisposable first, IDisposable second) => (_first, _second) = (first, second);

    /// <summary>Both, or the one that there is.</summary>
    public static IDisposable? With(IDisposable? first, IDisposable? second) =>
        first is null || second is null ? first ?? second : new HeldTogether(first, second);

    /// <inheritdoc/>
    public void Dispose()
    {
        _first.Dispose();
        _second.Dispose();
    }
}
