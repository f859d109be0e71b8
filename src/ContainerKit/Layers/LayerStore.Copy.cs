using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Writes changes that a writable layer has from the start, in a form, and says which permissions its root is to have.
/// </summary>
internal delegate Task<uint?> FillWritable(SafeFileHandle directory, TreeForm form, TreeOwners owners);

/// <content>Writable layers that are copies of their layers.</content>
public sealed partial class LayerStore
{
    /// <summary>The form of a new writable layer, and whose a copy is.</summary>
    private async Task<(WritableForm Form, uint? FirstId)> FormAsync(WritableLayerOptions options)
    {
        var mapsIds = _options.Form == WritableForm.Overlay || !NeedsMaps()
            || await OverlayProbe.CanMapAsync(_staging, _options.Launcher).ConfigureAwait(false);
        var form = _options.Form
            ?? (mapsIds && await OverlayProbe.CanMountAsync(_staging, _options.Launcher).ConfigureAwait(false)
                ? WritableForm.Overlay : WritableForm.Copy);
        return form == WritableForm.Copy && options.SizeLimit is not null
            ? throw new LimitNotSupportedException(
                "Writable layers are copies here, whose size nobody limits: put the store where the kernel mounts "
                    + "overlays (see HostReport), or leave SizeLimit null.")
            : (form, mapsIds ? null : ShiftedOwners.First);
    }

    /// <summary>Whether containers have other ids than the files of the store.</summary>
    private static bool NeedsMaps() =>
        Syscall.EffectiveUser == 0 && Syscall.Has(Capability.CAP_SYS_ADMIN) && RangesIdMap.WritesMaps;

    private async Task CopyAsync(
        StoreDirectory made, uint? firstId, IReadOnlyList<StoredLayer> layers, FillWritable? fill,
        CancellationToken cancellationToken)
    {
        using var tree = made.Make(LayersRoot.Tree, StoreDirectory.Closed);
        var owners = firstId is { } first
            ? new ShiftedOwners(ShiftedOwners.MapFrom(first))
            : await OwnersAsync(cancellationToken).ConfigureAwait(false);
        var mode = await Task.Run(
            async () =>
            {
                using var source = ReadLayers(layers, cancellationToken);
                return await source.WriteToAsync(tree.Handle, TreeForm.Plain, owners, cancellationToken)
                    .ConfigureAwait(false);
            },
            cancellationToken).ConfigureAwait(false);
        if (fill is not null)
        {
            mode = await fill(tree.Handle, TreeForm.Plain, owners).ConfigureAwait(false) ?? mode;
        }

        Syscall.ChangeMode(tree.Handle, mode ?? 0x1ED); // 0755, while it is this user's
        await owners.CompleteAsync(tree.Handle, cancellationToken).ConfigureAwait(false);
    }
}
