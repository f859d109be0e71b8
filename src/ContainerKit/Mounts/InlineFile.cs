using System.Text;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A read-only file with a given content, which is never on the host's file systems.</summary>
public sealed record InlineFile : Mount
{
    /// <summary>Shows <paramref name="content"/> as a file at <paramref name="target"/>.</summary>
    public InlineFile(string target, ReadOnlyMemory<byte> content)
        : base(target) => Content = content;

    /// <summary>Shows a text, in UTF-8, as a file at <paramref name="target"/>.</summary>
    public InlineFile(string target, string content)
        : this(target, Encoding.UTF8.GetBytes(content ?? throw new ArgumentNullException(nameof(content))))
    {
    }

    /// <summary>What the file holds.</summary>
    public ReadOnlyMemory<byte> Content { get; init; }

    /// <summary>Its permissions; 0444 in octal unless said otherwise.</summary>
    public int Mode { get; init; } = 0x124;

    internal override void Validate()
    {
        base.Validate();
        if (Mode is < 0 or > 0xFFF)
        {
            throw new ArgumentException($"The mode of a file is a number up to 7777 in octal, not {Mode}.");
        }
    }

    internal override Descriptor AddTo(LaunchPlan plan, Descriptor root)
    {
        // Trees can be cloned only from what is attached.
        var memory = new TmpfsMount(Target) { Size = new(Content.Length + 8192) }.Make(plan.Root);
        plan.Root.AttachAside(memory);
        plan.Root.MakeFile(memory, "content", (uint)Mode, Content.Span);
        var file = plan.Root.CloneTree(memory, "content");
        plan.Root.SetMountAttributes(
            file, MountAttributes.MOUNT_ATTR_RDONLY | MountAttributes.MOUNT_ATTR_NOSUID
                | MountAttributes.MOUNT_ATTR_NODEV);
        return Attach(plan, root, file, isDirectory: false);
    }
}
