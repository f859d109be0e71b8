using ContainerKit.Linux;

namespace ContainerKit;

/// <content>How layers come into the store, and what was begun goes.</content>
public sealed partial class LayerStore
{
    private const string RemovalLock = ".lock";

    /// <summary>
    /// Begins a layer, or finds it in the store. While another process makes the same, it waits: one makes it, the
    /// others find it.
    /// </summary>
    internal async Task<StagedLayer> StageAsync(Digest diffId, CancellationToken cancellationToken = default)
    {
        var name = FlatNameOf(diffId);
        for (var delay = 1; ; delay = Math.Min(2 * delay, 50))
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (TryUse(diffId) is { } used)
            {
                return new(this, diffId, used);
            }

            if (StoreLock.TryTake(_locks, name) is { } taken)
            {
                return Begin(diffId, taken);
            }

            await Task.Delay(delay, cancellationToken).ConfigureAwait(false);
        }
    }

    /// <summary>Whose the files of one layer become.</summary>
    internal Task<TreeOwners> OwnersAsync(CancellationToken cancellationToken) =>
        Ids?.OwnersAsync(cancellationToken) ?? Task.FromResult(TreeOwners.OfThisUser());

    /// <summary>Moves a layer to its place.</summary>
    internal async Task PublishAsync(Digest diffId, LayerMeta meta, CancellationToken cancellationToken)
    {
        using (var staged = _staging.Open(FlatNameOf(diffId)))
        {
            staged.Write(LayerMeta.File, (meta with { StoredAt = DateTimeOffset.UtcNow }).ToJson());
            if (_options.WritesThrough)
            {
                await Task.Run(() => Syscall.SyncFileSystem(staged.Handle), cancellationToken).ConfigureAwait(false);
            }
        }

        using var layers = _layers.Make(diffId.Algorithm, StoreDirectory.Passable);
        SetAside(layers, diffId.Hex); // what lies there was no layer, or it would have been found
        _staging.TryMove(FlatNameOf(diffId), layers, diffId.Hex);
        if (_options.WritesThrough)
        {
            layers.Sync();
        }
    }

    /// <summary>Puts what was begun of a layer in the place of what was begun of another.</summary>
    internal void Restage(Digest diffId, Digest other)
    {
        SetAside(_staging, FlatNameOf(other));
        _staging.TryMove(FlatNameOf(diffId), _staging, FlatNameOf(other));
    }

    /// <summary>Takes away what was begun of a layer, whose lock the caller has alone.</summary>
    internal Task UnmakeAsync(Digest diffId)
    {
        SetAside(_staging, FlatNameOf(diffId));
        StoreLock.Remove(_locks, FlatNameOf(diffId)); // whoever waits for it makes another
        return RemoveAsync();
    }

    /// <summary>Holds a layer that is there, together with others; null when it is not there, or is going.</summary>
    internal StoreLock? TryUse(Digest diffId)
    {
        if (!Contains(diffId) || StoreLock.TryTake(_locks, FlatNameOf(diffId), together: true) is not { } held)
        {
            return null;
        }

        if (Contains(diffId))
        {
            return held;
        }

        held.Dispose();
        return null;
    }

    private StagedLayer Begin(Digest diffId, StoreLock taken)
    {
        try
        {
            if (Contains(diffId))
            {
                taken.Share();
                return new(this, diffId, taken);
            }

            SetAside(_staging, FlatNameOf(diffId)); // what a process left that was killed
            using var staged = _staging.Make(FlatNameOf(diffId), StoreDirectory.Passable);
            return new(this, diffId, taken, staged.Make(LayersRoot.Files, 0x1ED)); // 0755
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Takes something away at once; it is removed later.</summary>
    private bool SetAside(StoreDirectory directory, string name) =>
        directory.TryMove(name, _removed, $"{Guid.NewGuid():N}");

    /// <summary>Removes what was taken away, by this or another process, such as one that was killed.</summary>
    private async Task RemoveAsync(CancellationToken cancellationToken = default)
    {
        using var turn = await StoreLock.TakeAsync(_removed, RemovalLock, together: false, cancellationToken)
            .ConfigureAwait(false);
        await Task.Run(RemoveAll, cancellationToken).ConfigureAwait(false);
    }

    private void RemoveAll()
    {
        using var removal = new TreeRemoval(Ids);
        foreach (var name in _removed.Names().Where(name => name != RemovalLock))
        {
            removal.Remove(_removed.Handle, StoreDirectory.Bytes(name));
        }
    }
}
