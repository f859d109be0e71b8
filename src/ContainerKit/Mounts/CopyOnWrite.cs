using System.Globalization;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Where a container's changes to its root go: a layer of overlayfs over it.</summary>
public sealed record CopyOnWrite
{
    private CopyOnWrite(string? directory) => KeptIn = directory;

    /// <summary>Into memory, gone with the container.</summary>
    public static CopyOnWrite Temporary { get; } = new((string?)null);

    /// <summary>
    /// Into a directory of the host, which must be there, belong to the container's user, and serve one container at a
    /// time: the changes are in its directory <c>upper</c>.
    /// </summary>
    public static CopyOnWrite In(string directory) => new(directory);

    /// <summary>The directory of the host that keeps the changes; null when they are in memory.</summary>
    public string? KeptIn { get; private init; }

    /// <summary>How much a layer in memory may hold; 256 MiB unless said otherwise.</summary>
    public ByteSize Size { get; init; } = ByteSize.MiB(256);

    /// <inheritdoc/>
    public override string ToString() => KeptIn is null ? "CopyOnWrite.Temporary" : $"CopyOnWrite.In(\"{KeptIn}\")";

    internal void Validate()
    {
        if (KeptIn is not null && !Path.IsPathRooted(KeptIn))
        {
            throw new ArgumentException($"The directory '{KeptIn}' for the changes must be an absolute path.");
        }
    }

    /// <summary>
    /// Adds the steps that lay it over a directory. Overlayfs takes its layers by path, so they are put under short
    /// names below the working directory, in a tmpfs that goes with the old root.
    /// </summary>
    internal Descriptor AddTo(LaunchPlan plan, string lower)
    {
        var lowerTree = plan.Inside.CloneTree(Descriptor.WorkingDirectory, lower);
        var stage = plan.Root;
        var layers = stage.MakeFileSystem(
            "tmpfs", MountAttributes.None, ("mode", "0755"), ("size", Size.Bytes.ToString(CultureInfo.InvariantCulture)));
        stage.AttachAside(layers);
        stage.MakeDirectory(layers, "lower", 0x1ED);
        stage.Attach(lowerTree, layers, "lower");
        stage.MakeDirectory(layers, "changes", 0x1ED);
        if (KeptIn is not null)
        {
            stage.Attach(plan.Inside.CloneTree(Descriptor.WorkingDirectory, KeptIn), layers, "changes");
        }

        stage.MakeDirectory(layers, "changes/upper", 0x1ED, mayExist: true);
        stage.MakeDirectory(layers, "changes/work", 0x1ED, mayExist: true);
        stage.ChangeDirectory(layers);
        return stage.MakeFileSystem(
            "overlay", MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV,
            ("lowerdir", "lower"), ("upperdir", "changes/upper"), ("workdir", "changes/work"), ("userxattr", null));
    }
}
