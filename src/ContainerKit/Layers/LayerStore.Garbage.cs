namespace ContainerKit;

/// <content>What nobody uses goes, and what was damaged is found.</content>
public sealed partial class LayerStore
{
    /// <summary>
    /// Removes the layers that are neither named here, nor below a writable layer, nor in use by a process, and what
    /// processes left behind that were killed. Of an image store's layers, those of its images stay, too;
    /// a store that is opened by itself knows of none.
    /// </summary>
    /// <exception cref="InvalidImageException">
    /// It cannot be known which layers a damaged writable layer needs: nothing is removed.
    /// </exception>
    public async Task<CollectedGarbage> CollectGarbageAsync(
        IReadOnlyCollection<Digest> keep, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(keep);
        List<Digest> collected;
        using (await StoreLock.TakeAsync(_root, Lock, together: false, cancellationToken).ConfigureAwait(false))
        {
            SetAsideTemporaries();
            HashSet<Digest> kept = [.. ListNeeded(), .. keep, .. KeptBesides?.Invoke() ?? []];
            collected = [.. DiffIds().Where(diffId => !kept.Contains(diffId)).ToList().Where(TrySetAside)];
            Sweep();
        }

        await RemoveAsync(cancellationToken).ConfigureAwait(false);
        return new(collected);
    }

    private HashSet<Digest> ListNeeded()
    {
        var needed = new HashSet<Digest>();
        foreach (var id in WritableIds())
        {
            needed.UnionWith(OpenWritable(id).Layers);
        }

        return needed;
    }

    /// <summary>Takes a layer away unless somebody uses it.</summary>
    private bool TrySetAside(Digest diffId)
    {
        using var taken = StoreLock.TryTake(_locks, FlatNameOf(diffId));
        if (taken is null)
        {
            return false;
        }

        using var layers = _layers.Open(diffId.Algorithm);
        SetAside(layers, diffId.Hex);
        StoreLock.Remove(_locks, FlatNameOf(diffId));
        return true;
    }

    /// <summary>Takes away writable layers whose process and container are gone.</summary>
    private void SetAsideTemporaries()
    {
        foreach (var id in WritableIds())
        {
            using var writable = _writable.TryOpen(id);
            if (writable is null || ReadMeta(writable) is not { IsTemporary: true })
            {
                continue;
            }

            using var owner = StoreLock.TryTake(_locks, WritablePrefix + id);
            if (owner is not null)
            {
                TrySetAsideWritable(id);
            }
        }
    }

    /// <summary>Takes away what was begun by processes that are gone, and locks that nobody needs.</summary>
    private void Sweep()
    {
        foreach (var name in _locks.Names())
        {
            using var taken = StoreLock.TryTake(_locks, name); // null: its owner lives
            if (taken is not null)
            {
                SetAside(_staging, name);
                StoreLock.Remove(_locks, name); // whoever waits for it makes another
            }
        }

        // Others are made while this is kept out, or have a lock.
        foreach (var name in _staging.Names().Where(name => !_locks.Has(name)))
        {
            SetAside(_staging, name);
        }
    }

    private void RemoveIfPossible()
    {
        using var turn = StoreLock.TryTake(_removed, RemovalLock);
        if (turn is not null)
        {
            RemoveAll();
        }
    }
}

/// <summary>What a store was rid of.</summary>
/// <param name="Layers">The layers that nobody used.</param>
public sealed record CollectedGarbage(IReadOnlyList<Digest> Layers);
