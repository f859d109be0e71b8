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
        using (await EnterAloneAsync(cancellationToken).ConfigureAwait(false))
        {
            SetAsideTemporaries();
            HashSet<Digest> kept = [.. ListNeeded(), .. keep, .. KeptBesides?.Invoke() ?? []];
            collected = [.. DiffIds().Where(diffId => !kept.Contains(diffId)).ToList().Where(TrySetAside)];
            Sweep();
        }

        await Task.Run(() => RemoveAll(cancellationToken), cancellationToken).ConfigureAwait(false);
        return new(collected);
    }

    /// <summary>
    /// Keeps collectors out while something is entered that keeps layers; waits behind those that wait.
    /// </summary>
    internal async Task<StoreLock> EnterAsync(CancellationToken cancellationToken)
    {
        using var gate = await StoreLock.TakeAsync(_root, Gate, together: true, cancellationToken)
            .ConfigureAwait(false);
        return await StoreLock.TakeAsync(_root, Lock, together: true, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Waits for all who entered, and keeps others out meanwhile: they might never all be gone.</summary>
    internal async Task<StoreLock> EnterAloneAsync(CancellationToken cancellationToken)
    {
        using var gate = await StoreLock.TakeAsync(_root, Gate, together: false, cancellationToken)
            .ConfigureAwait(false);
        return await StoreLock.TakeAsync(_root, Lock, together: false, cancellationToken).ConfigureAwait(false);
    }

    private HashSet<Digest> ListNeeded()
    {
        var needed = new HashSet<Digest>();
        foreach (var id in WritableIds())
        {
            using var writable = _writable.TryOpen(id);
            if (writable is null)
            {
                continue;
            }

            if (ReadMeta(writable) is { } meta)
            {
                needed.UnionWith(meta.Layers.Select(Digest.Parse));
            }
            else if (IsStillThere(writable, id)) // or it was discarded while it was read
            {
                throw Damaged(id);
            }
        }

        return needed;
    }

    /// <summary>Takes a layer away unless a process uses it.</summary>
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

            TrySetAsideTemporary(id);
        }
    }

    private void TrySetAsideTemporary(string id)
    {
        using var owner = StoreLock.TryTake(_locks, WritablePrefix + id);
        if (owner is not null && TrySetAsideWritable(id, out _))
        {
            StoreLock.Remove(_locks, WritablePrefix + id);
        }
    }

    /// <summary>Takes away what was begun by processes that are gone, and locks that nobody needs.</summary>
    private void Sweep()
    {
        foreach (var name in _locks.Names())
        {
            using var taken = StoreLock.TryTake(_locks, name); // null: its owner lives
            if (taken is not null && !IsOfWritable(name))
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

    /// <summary>Whether it is the lock of a writable layer whose process is gone, and whose container is not.</summary>
    private bool IsOfWritable(string name) =>
        name.StartsWith(WritablePrefix, StringComparison.Ordinal) && _writable.Has(name[WritablePrefix.Length..]);
}

/// <summary>What a store was rid of.</summary>
/// <param name="Layers">The layers that nobody used.</param>
public sealed record CollectedGarbage(IReadOnlyList<Digest> Layers);
