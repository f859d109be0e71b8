using ContainerKit.Linux;

namespace ContainerKit;

/// <content>Whether the store is whole.</content>
public sealed partial class LayerStore
{
    /// <summary>
    /// Looks for what no process, even if it is killed, leaves behind: damage by others. With
    /// <paramref name="repair"/> it removes damaged layers, which can be loaded again; writable layers it leaves alone.
    /// </summary>
    public async Task<StoreCheck> CheckAsync(bool repair = false, CancellationToken cancellationToken = default)
    {
        var faults = new List<StoreFault>();
        using (await StoreLock.TakeAsync(_root, Lock, together: false, cancellationToken).ConfigureAwait(false))
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
            await RemoveAsync(cancellationToken).ConfigureAwait(false);
        }

        return new(faults);
    }

    private void CheckLayers(string algorithm, List<StoreFault> faults, bool repair)
    {
        using var layers = TryOpenPlain(_layers, algorithm);
        if (layers is null)
        {
            faults.Add(new(
                $"{LayersRoot.Lower}/{algorithm}", "It is no directory.", repair && SetAside(_layers, algorithm)));
            return;
        }

        foreach (var hex in layers.Names())
        {
            var name = $"{LayersRoot.Lower}/{algorithm}/{hex}";
            if (!Digest.TryParse($"{algorithm}:{hex}", out var diffId))
            {
                faults.Add(new(name, "Its name is no digest.", repair && SetAside(layers, hex)));
            }
            else if (FaultOfLayer(layers, hex) is { } problem)
            {
                faults.Add(new(name, problem, repair && TrySetAside(diffId)));
            }
        }
    }

    private static string? FaultOfLayer(StoreDirectory layers, string hex)
    {
        using var layer = TryOpenPlain(layers, hex);
        if (layer is null)
        {
            return "It is no directory.";
        }

        return !layer.HasDirectory(LayersRoot.Files) ? "It has no files."
            : ReadPlain(layer, LayerMeta.File) is not { } json || LayerMeta.Parse(json) is null
                ? $"Its {LayerMeta.File} is damaged or missing."
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

        return !writable.HasDirectory(LayersRoot.Upper) || !writable.HasDirectory(LayersRoot.Work)
                ? "Its directories are missing."
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
}
