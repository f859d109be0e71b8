using ContainerKit.Linux;

namespace ContainerKit;

/// <content>How layers come into the store, and what was begun goes.</content>
public sealed partial class LayerStore
{
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
                return await BeginAsync(diffId, taken, cancellationToken).ConfigureAwait(false);
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
            if (!meta.Implied.IsEmpty)
            {
                staged.Write(LayerMeta.ImpliedFile, meta.Implied.Span);
            }

            meta = meta with { HasImplied = !meta.Implied.IsEmpty, StoredAt = DateTimeOffset.UtcNow };
            staged.Write(LayerMeta.File, meta.ToJson());
            if (_options.WritesThrough)
            {
                await Task.Run(() => Syscall.SyncFileSystem(staged.Handle), cancellationToken).ConfigureAwait(false);
            }
        }

        using var layers = _layers.Make(diffId.Algorithm, StoreDirectory.Passable);
        Syscall.Rename(
            _staging.Handle, StoreDirectory.Bytes(FlatNameOf(diffId)), layers.Handle, StoreDirectory.Bytes(diffId.Hex));
        layers.Sync();
    }

    /// <summary>Puts what was begun of a layer in the place of what was begun of another.</summary>
    internal async Task RestageAsync(Digest diffId, Digest other, CancellationToken cancellationToken)
    {
        var (name, otherName) = (StoreDirectory.Bytes(FlatNameOf(diffId)), StoreDirectory.Bytes(FlatNameOf(other)));
        await RemoveAsync(SetAside(_staging, FlatNameOf(other)), cancellationToken).ConfigureAwait(false);
        Syscall.Rename(_staging.Handle, name, _staging.Handle, otherName);
    }

    /// <summary>Takes away what was begun of a layer, whose lock the caller has alone.</summary>
    internal Task UnmakeAsync(Digest diffId)
    {
        var removal = UnmakeAsync(_staging, FlatNameOf(diffId)); // which it is set aside for by now
        StoreLock.Remove(_locks, FlatNameOf(diffId)); // whoever waits for it makes another
        return removal;
    }

    /// <summary>Holds a layer that is there, together with others; null when it is not there, or is going.</summary>
    internal StoreLock? TryUse(Digest diffId)
    {
        if (!IsWhole(diffId) || StoreLock.TryTake(_locks, FlatNameOf(diffId), together: true) is not { } held)
        {
            return null;
        }

        if (IsWhole(diffId))
        {
            return held;
        }

        held.Dispose();
        return null;
    }

    private async Task<StagedLayer> BeginAsync(Digest diffId, StoreLock taken, CancellationToken cancellationToken)
    {
        try
        {
            if (IsWhole(diffId))
            {
                taken.Share();
                return new(this, diffId, taken);
            }

            await RemoveDamagedAsync(diffId, cancellationToken).ConfigureAwait(false);
            var name = FlatNameOf(diffId);
            var left = SetAside(_staging, name); // by one that was killed
            await RemoveAsync(left, cancellationToken).ConfigureAwait(false);
            using var staged = _staging.Make(name, StoreDirectory.Passable);
            return new(this, diffId, taken, staged.Make(LayersRoot.Files, 0x1ED)); // 0755
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Makes room for a layer where a damaged one lies.</summary>
    private async Task RemoveDamagedAsync(Digest diffId, CancellationToken cancellationToken)
    {
        if (_layers.Has(LayersRoot.NameOf(diffId)))
        {
            await RemoveAsync(SetAsideDamaged(diffId), cancellationToken).ConfigureAwait(false);
        }
    }

    private string? SetAsideDamaged(Digest diffId)
    {
        using var held = TryHoldWritable(diffId) ?? throw new LinuxException(
            "rename", Errno.EBUSY, $"{diffId}", "A container is on what is left of this layer: stop it first.");
        using var layers = _layers.Open(diffId.Algorithm);
        return SetAside(layers, diffId.Hex);
    }
}
