using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Where a container's changes to its root go: a layer of overlayfs over it.</summary>
public sealed record CopyOnWrite
{
    private CopyOnWrite(string? directory) => KeptIn = directory;

    /// <summary>
    /// Into memory, gone with the container; before Linux 6.6 into the temporary directory, which must be on a disk,
    /// and which an ordinary user's container can use only with the user itself in its <see cref="IdMap"/>.
    /// </summary>
    public static CopyOnWrite Temporary { get; } = new((string?)null);

    /// <summary>
    /// Into a directory of the host, which must be there and belong to the container's user; the changes are in its
    /// directory <c>upper</c>. It serves one container at a time, of whichever process: its file <c>lock</c> sees to
    /// that.
    /// </summary>
    public static CopyOnWrite In(string directory)
    {
        ArgumentNullException.ThrowIfNull(directory);
        return new(directory);
    }

    /// <summary>The directory of the host that keeps the changes; null when they are in memory.</summary>
    public string? KeptIn { get; private init; }

    /// <summary>
    /// How much a layer in memory may hold; 256 MiB unless said otherwise. One on a disk has no limit of its own.
    /// </summary>
    public ByteSize Size { get; init; } = ByteSize.MiB(256);

    /// <summary>A lock that the supervisor holds while it lives.</summary>
    internal SafeFileHandle? Lease { get; init; }

    /// <inheritdoc/>
    public override string ToString() => KeptIn is null ? "CopyOnWrite.Temporary" : $"CopyOnWrite.In(\"{KeptIn}\")";

    internal void Validate()
    {
        if (Size.Bytes < 64 * 1024)
        {
            throw new ArgumentException($"A layer in memory holds at least 64 KiB, not {Size}.");
        }

        if (KeptIn is not null && (!Path.IsPathRooted(KeptIn) || KeptIn.Contains('\0', StringComparison.Ordinal)))
        {
            throw new ArgumentException(
                $"The directory '{KeptIn}' for the changes must be an absolute path without NUL.");
        }

        if (KeptIn is not null)
        {
            OverlayLayers.CheckClosed(KeptIn);
        }
    }

    /// <summary>Adds the steps that lay it over a directory.</summary>
    internal Descriptor AddTo(LaunchPlan plan, string lower)
    {
        if (Lease is not null)
        {
            plan.Hold(Lease);
        }

        var layers = OverlayLayers.Begin(plan, Size);
        OverlayLayers.Add(plan, layers, "lower", lower);
        if (KeptIn is not null)
        {
            OverlayLayers.Add(plan, layers, "changes", KeptIn);
        }
        else
        {
            plan.Root.MakeDirectory(layers, "changes", 0x1ED); // 0755
        }

        plan.Root.MakeDirectory(layers, "changes/upper", 0x1ED, mayExist: true);
        plan.Root.MakeDirectory(layers, "changes/work", 0x1ED, mayExist: true);
        return OverlayLayers.Join(plan, layers, "lowerdir=lower,upperdir=changes/upper,workdir=changes/work");
    }
}
