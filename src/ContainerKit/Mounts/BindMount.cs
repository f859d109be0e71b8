using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A directory or file of the host, with everything mounted below it.</summary>
public sealed record BindMount : Mount
{
    /// <summary>Shows <paramref name="source"/> of the host at <paramref name="target"/>.</summary>
    public BindMount(string source, string target)
        : base(target) => Source = source;

    /// <summary>The absolute path of the directory or file on the host; links are followed.</summary>
    public string Source { get; init; }

    /// <summary>Whether the container may only read it; true unless said otherwise.</summary>
    public bool ReadOnly { get; init; } = true;

    internal override void Validate()
    {
        base.Validate();
        if (!Path.IsPathRooted(Source) || Source.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException($"The source '{Source}' of a mount must be an absolute path without NUL.");
        }
    }

    internal override void AddTo(LaunchPlan plan, Descriptor root)
    {
        var tree = plan.Inside.CloneTree(Descriptor.WorkingDirectory, Source, OpenTreeFlags.AT_RECURSIVE);
        var attributes = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV;
        plan.Inside.SetMountAttributes(tree, attributes | (ReadOnly ? MountAttributes.MOUNT_ATTR_RDONLY : 0), recursive: true);
        plan.Pivoted.Attach(tree, MountPoint.Make(plan.Pivoted, root, Target, Directory.Exists(Source)));
    }
}
