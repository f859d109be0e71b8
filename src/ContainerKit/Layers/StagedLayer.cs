using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A layer that this process makes, or found in the store. While it is not disposed, no other process makes or removes
/// it. Disposing unmakes what was not published.
/// </summary>
internal sealed class StagedLayer : IAsyncDisposable
{
    private readonly LayerStore _store;
    private readonly StoreLock _lock;
    private readonly StoreDirectory? _files;

    /// <summary>One that is in the store, whose lock is shared.</summary>
    public StagedLayer(LayerStore store, Digest diffId, StoreLock shared)
        : this(store, diffId, shared, files: null) => IsPublished = true;

    /// <summary>One to be filled, whose lock is this process's alone.</summary>
    public StagedLayer(LayerStore store, Digest diffId, StoreLock taken, StoreDirectory? files) =>
        (_store, DiffId, _lock, _files) = (store, diffId, taken, files);

    /// <summary>What it is called by.</summary>
    public Digest DiffId { get; }

    /// <summary>Whether it is in the store: there is nothing to be made.</summary>
    public bool IsPublished { get; private set; }

    /// <summary>The directory to be filled, in the form of overlayfs.</summary>
    public SafeFileHandle Directory =>
        _files?.Handle ?? throw new InvalidOperationException($"The layer {DiffId} is in the store already.");

    /// <summary>Puts it into the store, whole. It stays there while this is not disposed.</summary>
    public async Task PublishAsync(LayerMeta meta, CancellationToken cancellationToken = default)
    {
        await _store.PublishAsync(DiffId, meta, cancellationToken).ConfigureAwait(false);
        IsPublished = true;
        _lock.Share();
    }

    /// <summary>The same with what was made before its name was known, under one that is no layer's.</summary>
    public async Task PublishAsync(StagedLayer made, LayerMeta meta, CancellationToken cancellationToken = default)
    {
        await _store.RestageAsync(made.DiffId, DiffId, cancellationToken).ConfigureAwait(false);
        await PublishAsync(meta, cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _files?.Dispose();
        try
        {
            if (!IsPublished && !_lock.Handle.IsClosed)
            {
                await _store.UnmakeAsync(DiffId).ConfigureAwait(false);
            }
        }
        finally
        {
            _lock.Dispose();
        }
    }
}
