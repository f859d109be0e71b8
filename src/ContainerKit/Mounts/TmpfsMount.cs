using System.Globalization;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A directory in memory, empty at first, gone with the container; tmpfs(5).</summary>
public sealed record TmpfsMount : Mount
{
    private const int Page = 4096;

    /// <summary>Mounts an empty directory at <paramref name="target"/>.</summary>
    public TmpfsMount(string target)
        : base(target)
    {
    }

    /// <summary>
    /// How much its files may hold, at least a page; 64 MiB unless said otherwise. There can be one file for each page.
    /// </summary>
    public ByteSize Size { get; init; } = ByteSize.MiB(64);

    /// <summary>Its permissions; 1777 in octal unless said otherwise.</summary>
    public int Mode { get; init; } = 0x3FF;

    internal override void Validate()
    {
        base.Validate();
        if (Size.Bytes < Page || Mode is < 0 or > 0xFFF)
        {
            throw new ArgumentException($"A tmpfs holds at least {Page} bytes and has a mode of up to 7777 in octal; "
                + $"this one has {Size} and {Mode}.");
        }
    }

    internal override Descriptor AddTo(LaunchPlan plan, Descriptor root) =>
        Attach(plan, root, Make(plan.Root), isDirectory: true);

    /// <summary>Makes the file system, attached nowhere yet.</summary>
    internal Descriptor Make(LaunchStage stage, MountAttributes attributes = default) =>
        stage.MakeFileSystem(
            "tmpfs", attributes | MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV,
            string.Create(
                CultureInfo.InvariantCulture,
                $"mode={Convert.ToString(Mode, 8)},size={Size.Bytes},nr_inodes={(Size.Bytes / Page) + 1}"));
}
