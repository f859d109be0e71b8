using System.Globalization;
using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A directory or file of the host that this process has open, whatever its path leads to by now. For an ordinary user
/// it can be a directory, and one in a container.
/// </summary>
public sealed record DescriptorMount : HostMount
{
    /// <summary>Shows <paramref name="source"/> at <paramref name="target"/>.</summary>
    public DescriptorMount(SafeFileHandle source, string target)
        : base(target) => Source = source;

    /// <summary>
    /// The open directory or file, also by O_PATH and also a socket's; it stays the caller's. A memory file, a pipe or
    /// a connection has no place on a file system that could be shown: <c>Descriptors</c>
    /// passes such a one to the program, and <see cref="InlineFile"/> shows a content.
    /// </summary>
    public SafeFileHandle Source { get; init; }

    private protected override bool IsBestOutside => true;

    internal override void Validate()
    {
        base.Validate();
        if (Source is null || Source.IsInvalid || Source.IsClosed)
        {
            throw new ArgumentException($"The source of the mount at '{Target}' is no open file.");
        }

        var status = Syscall.Status(Source);
        if (MountInfo.Of(status) is null)
        {
            throw new ArgumentException(
                $"The source of the mount at '{Target}' is on no file system in sight, like memory files, pipes and "
                + "sockets: pass it in Descriptors, or show its content as an InlineFile.");
        }

        if (status.Links == 0)
        {
            throw new ArgumentException(
                $"The source of the mount at '{Target}' was deleted: the kernel mounts no such file.");
        }
    }

    /// <inheritdoc/>
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"DescriptorMount {{ Source = {Source?.DangerousGetHandle()}, Target = {Target} }}");

    private protected override FileStatus Status() => Syscall.Status(Source);

    private protected override FileStatus ParentStatus() => HostPath.Status($"{Syscall.PathOf(Source)}/..");

    private protected override Descriptor CloneInside(LaunchPlan plan, OpenTreeFlags flags)
    {
        // Open files of the host's mount namespace cannot be copied in another; the working directory is taken along.
        if (!Status().IsDirectory || !plan.TryStartIn(plan.Inherit(Source)))
        {
            throw new LaunchException(
                "open_tree(AT_EMPTY_PATH)", $"{this}", "open_tree", Errno.EPERM,
                "Without CAP_SYS_ADMIN one open directory can be shown, and no other open file: use a BindMount, "
                + "or pass the descriptor to the program.");
        }

        return plan.Inside.CloneTree(Descriptor.WorkingDirectory, ".", flags);
    }

    private protected override void CloneOutside(LaunchPlan plan, OpenTreeFlags flags) =>
        plan.WithHost.CloneTree(plan.Inherit(Source), "", flags | OpenTreeFlags.AT_EMPTY_PATH);
}
