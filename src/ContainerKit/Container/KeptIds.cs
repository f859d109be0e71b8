namespace ContainerKit;

/// <summary>
/// A user namespace whose ids are mapped, below which any number of containers, of any host of this process, have
/// theirs, with the same ids. They are the same users to the host and to each other's files. Disposing gives the
/// namespace up; containers that live keep it, and the ids that are reserved for it.
/// </summary>
public sealed class KeptIds : IAsyncDisposable
{
    private readonly JoinedIdMap _map;

    internal KeptIds(JoinedIdMap map) => _map = map;

    /// <summary>
    /// The map for the containers' options. Once this is disposed, a start with it throws an
    /// <see cref="ObjectDisposedException"/>.
    /// </summary>
    public IdMap IdMap => _map;

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        _map.UserNamespace.Dispose();
        _map.Reservation?.Leave();
        return default;
    }
}
