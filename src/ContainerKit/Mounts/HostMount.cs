using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A directory or file of the host, without its devices and setuid programs.</summary>
public abstract record HostMount : Mount
{
    private protected HostMount(string target)
        : base(target)
    {
    }

    /// <summary>
    /// Whether the container may only read it, and what is mounted below it at its start; true unless said otherwise.
    /// What it writes is of a user of the host, an ordinary user's own: who of the host reaches the directory can run
    /// set-user-ID programs that it leaves there.
    /// </summary>
    public bool ReadOnly { get; init; } = true;

    /// <summary>Whether the container may not execute programs of it; false unless said otherwise.</summary>
    public bool NoExec { get; init; }

    /// <summary>
    /// Whether what is mounted below it is shown, too; true unless said otherwise. An ordinary user cannot leave mounts
    /// out that are there: that start fails.
    /// </summary>
    public bool Recursive { get; init; } = true;

    /// <summary>
    /// Whether what the host mounts later appears; <see cref="MountPropagation.Private"/> unless said otherwise.
    /// </summary>
    public MountPropagation Propagation { get; init; }

    /// <summary>
    /// Whether files that belong to a user or group on the host's disk belong to the one with the same number in the
    /// container, and those of others to nobody: so what is root's is the container's root's, who is another user to
    /// the host. False unless said otherwise. For an ordinary user, whose own files are the container's user's anyway,
    /// it changes nothing. Where the kernel, the file system or this process cannot, the start fails. With it only a
    /// directory that lies in one closed to others (0700) can be written.
    /// </summary>
    public bool MapIds { get; init; }

    internal override bool IsReadOnlyOfHost => ReadOnly;

    /// <summary>
    /// Whether the container can make writable what the host has mounted read-only: the kernel locks only what the
    /// child copies of its own mounts.
    /// </summary>
    internal bool UnlocksReadOnly =>
        (MapIds || IsCopiedOutside) && (Recursive || MountInfo.Of(Status()) is { IsReadOnly: true });

    internal override void Validate()
    {
        base.Validate();
        if (!Enum.IsDefined(Propagation))
        {
            throw new ArgumentException($"Propagation is Private or Slave, not {Propagation}.");
        }
    }

    internal override Descriptor AddTo(LaunchPlan plan, Descriptor root)
    {
        var status = Status();
        CheckPropagation(status);
        return Attach(plan, root, Take(plan), status.IsDirectory);
    }

    /// <summary>What it is, with links followed; nothing when it is not there, which the start will say.</summary>
    private protected abstract FileStatus Status();

    /// <summary>What the directory is in which a directory lies, with links followed.</summary>
    private protected abstract FileStatus ParentStatus();

    /// <summary>Adds the step that copies it in the child's mount namespace.</summary>
    private protected abstract Descriptor CloneInside(LaunchPlan plan, OpenTreeFlags flags);

    /// <summary>Adds the step that copies it in the host's, which only root can.</summary>
    private protected abstract void CloneOutside(LaunchPlan plan, OpenTreeFlags flags);

    /// <summary>
    /// Whether it is copied outside where this process may: a child cannot leave out mounts that are the host's.
    /// </summary>
    private protected virtual bool IsBestOutside => !Recursive;

    private bool IsCopiedOutside => IsBestOutside && Syscall.Has(Capability.CAP_SYS_ADMIN);

    private Descriptor Take(LaunchPlan plan)
    {
        var flags = Recursive ? OpenTreeFlags.AT_RECURSIVE : default;
        var maps = MapIds && !plan.KeepsOwner;
        if (!maps && !IsCopiedOutside)
        {
            var tree = CloneInside(plan, flags);
            Change(plan.Inside, tree);
            return tree;
        }

        CloneOutside(plan, flags);
        var (outside, received) = plan.HandDown();
        Change(plan.WithHost, outside);
        if (maps)
        {
            CheckClosed();
            plan.MapIds(outside, Recursive);
        }

        return received;
    }

    private void Change(LaunchStage stage, Descriptor tree)
    {
        var attributes = MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV
            | (ReadOnly ? MountAttributes.MOUNT_ATTR_RDONLY : 0) | (NoExec ? MountAttributes.MOUNT_ATTR_NOEXEC : 0);
        var propagation = Propagation is MountPropagation.Slave ? PropagationType.MS_SLAVE : PropagationType.MS_PRIVATE;
        stage.SetMountAttributes(tree, attributes, Recursive, propagation);
    }

    /// <summary>A program in there can open up the directory itself to others, but not the one it lies in.</summary>
    private void CheckClosed()
    {
        var (status, parent) = (Status(), ParentStatus());
        if (!ReadOnly && status.Mode != 0 && !(status.IsDirectory && parent.IsDirectory && parent.IsClosedToOthers))
        {
            throw new ArgumentException(
                $"What is written to {this} with MapIds is the host's root's, set-user-ID programs, too: it must be a "
                + "directory in one that is closed to other users (chmod 0700), or read-only.");
        }
    }

    private void CheckPropagation(in FileStatus status)
    {
        if (Propagation is MountPropagation.Slave && status.Mode != 0
            && MountInfo.Of(status) is not { Propagates: true })
        {
            throw new LaunchException(
                "mount_setattr(MS_SLAVE)", $"{this}", "mount_setattr", Errno.EINVAL,
                "Nothing that the host mounts there would appear: the mount it lies on is private. Make that shared "
                + "first (mount --make-shared).");
        }
    }
}
