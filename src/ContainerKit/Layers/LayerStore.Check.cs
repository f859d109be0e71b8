using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <content>Whether the store is whole.</content>
public sealed partial class LayerStore
{
    /// <summary>
    /// Looks for what no process, even if it is killed, leaves behind: damage by others. With
    /// <paramref name="repair"/> it removes damaged layers, which can be loaded again, unless a process or a container
    /// uses them; writable layers it leaves alone.
    /// </summary>
    public async Task<StoreCheck> CheckAsync(bool repair = false, CancellationToken cancellationToken = default)
    {
        var faults = new List<StoreFault>();
        using (await EnterAloneAsync(cancellationToken).ConfigureAwait(false))
        {
            foreach (var algorithm in _layers.Names())
            {
                CheckLayers(algorithm, faults, repair);
            }

            foreach (var id in _writable.Names())
            {
                if (FaultOfWritable(id) is { } problem)
                {
                    faults.Add(new($"{LayersRoot.Writable}/{id}", problem, IsRepaired: false));
                }
            }
        }

        if (repair)
        {
            await Task.Run(() => RemoveAll(cancellationToken), cancellationToken).ConfigureAwait(false);
        }

        return new(faults);
    }

    private void CheckLayers(string algorithm, List<StoreFault> faults, bool repair)
    {
        using var layers = TryOpenPlain(_layers, algorithm);
        if (layers is null)
        {
            var isRepaired = repair && SetAside(_layers, algorithm) is not null;
            faults.Add(new($"{LayersRoot.Lower}/{algorithm}", "It is no directory.", isRepaired));
            return;
        }

        foreach (var hex in layers.Names())
        {
            var name = $"{LayersRoot.Lower}/{algorithm}/{hex}";
            if (!Digest.TryParse($"{algorithm}:{hex}", out var diffId))
            {
                faults.Add(new(name, "Its name is no digest.", repair && SetAside(layers, hex) is not null));
            }
            else if (FaultOfLayer(layers, hex) is { } problem)
            {
                faults.Add(Repair(new(name, problem, IsRepaired: false), repair, diffId));
            }
        }
    }

    private StoreFault Repair(StoreFault fault, bool repair, Digest diffId)
    {
        if (!repair)
        {
            return fault;
        }

        using var held = TryHoldWritable(diffId);
        return held is not null && TrySetAside(diffId)
            ? fault with { IsRepaired = true }
            : fault with { Problem = $"{fault.Problem} It is in use: stop its containers, and repair it then." };
    }

    /// <summary>
    /// Keeps containers off all writable layers over a layer; null when one is on one, or may be for all that is known.
    /// </summary>
    private HeldLayers? TryHoldWritable(Digest diffId)
    {
        var held = new HeldLayers(TakeTurn());
        try
        {
            if (WritableIds().TrueForAll(id => TryHold(id, diffId, held)))
            {
                return held;
            }
        }
        catch
        {
            held.Dispose();
            throw;
        }

        held.Dispose();
        return null;
    }

    private bool TryHold(string id, Digest diffId, HeldLayers held)
    {
        using var writable = TryOpenPlain(_writable, id);
        return writable is null
            || (ReadPlain(writable, WritableMeta.File) is { } json && WritableMeta.Parse(json) is { } meta
                && !meta.Layers.Contains($"{diffId}"))
            || held.TryAdd(writable);
    }

    private bool IsWhole(Digest diffId)
    {
        using var layers = TryOpenPlain(_layers, diffId.Algorithm);
        return layers is not null && FaultOfLayer(layers, diffId.Hex) is null;
    }

    private static string? FaultOfLayer(StoreDirectory layers, string hex)
    {
        using var layer = TryOpenPlain(layers, hex);
        if (layer is null)
        {
            return "It is no directory.";
        }

        return !layer.HasDirectory(LayersRoot.Files) ? "It has no files."
            : ReadPlain(layer, LayerMeta.File) is not { } json || LayerMeta.Parse(json) is not { } meta
                ? $"Its {LayerMeta.File} is damaged or missing."
            : meta.HasImplied && !layer.Has(LayerMeta.ImpliedFile) ? $"Its {LayerMeta.ImpliedFile} is missing."
            : Syscall.Status(layer.Handle).Owner != Syscall.EffectiveUser ? "It belongs to another user."
            : null;
    }

    private string? FaultOfWritable(string id)
    {
        using var writable = TryOpenPlain(_writable, id);
        if (writable is null || !WritableLayerOptions.IsId(id))
        {
            return "It is no writable layer.";
        }

        var hasPlaces = writable.Has(LimitedDisk.File) || writable.HasDirectory(LayersRoot.Tree)
            || (writable.HasDirectory(LayersRoot.Upper) && writable.HasDirectory(LayersRoot.Work));
        return !hasPlaces ? "Its directories are missing."
            : !Syscall.Status(writable.Handle).IsClosedToOthers ? "Others may enter it: chmod 0700 it."
            : ReadPlain(writable, WritableMeta.File) is not { } json || WritableMeta.Parse(json) is not { } meta
                ? $"Its {WritableMeta.File} is damaged or missing."
            : meta.Layers.FirstOrDefault(layer => !Contains(Digest.Parse(layer))) is { } missing
                ? $"Its layer {missing} is missing: load its image."
            : null;
    }

    /// <summary>Opens what should be a directory; null when it is anything else.</summary>
    private static StoreDirectory? TryOpenPlain(StoreDirectory parent, string name)
    {
        try
        {
            return parent.Open(name);
        }
        catch (LinuxException other)
            when (other.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP or Errno.EXDEV or Errno.ENXIO)
        {
            return null;
        }
    }

    /// <summary>Reads what should be a small file; null when it is anything else.</summary>
    private static byte[]? ReadPlain(StoreDirectory parent, string name)
    {
        try
        {
            return parent.Read(name);
        }
        catch (LinuxException other)
            when (other.Errno is Errno.EINVAL or Errno.ELOOP or Errno.EXDEV or Errno.ENXIO or Errno.ENOENT)
        {
            return null;
        }
    }

    /// <summary>Writable layers on which no container starts while this is not disposed.</summary>
    private sealed class HeldLayers(SafeFileHandle turn) : IDisposable
    {
        private readonly List<LockedFile> _locks = [];

        public bool TryAdd(StoreDirectory writable)
        {
            if (TryLock(writable) is not { } taken)
            {
                return false;
            }

            _locks.Add(taken);
            return true;
        }

        public void Dispose()
        {
            _locks.ForEach(taken => taken.Dispose());
            turn.Dispose();
        }
    }
}
