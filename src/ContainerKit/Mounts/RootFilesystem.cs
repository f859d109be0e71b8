using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>What the container's files are, below its mounts.</summary>
public abstract record RootFilesystem
{
    private protected RootFilesystem()
    {
    }

    /// <summary>
    /// The default: the host's programs and libraries, read-only (/usr, /bin, /sbin, /lib and what programs need of
    /// /etc), and nothing of /home, /root, /run, /var, /srv, /opt or /tmp.
    /// </summary>
    public static RootFilesystem HostSystem { get; } = new HostSystemRoot();

    /// <summary>
    /// All files of the host, read-only. Not for untrusted code: it can read what this user can, and connect to the
    /// host's sockets.
    /// </summary>
    public static RootFilesystem EntireHost { get; } = new EntireHostRoot();

    /// <summary>Nothing but the mounts.</summary>
    public static RootFilesystem Empty { get; } = new EmptyRoot();

    /// <summary>
    /// A directory of the host: read-only, or below a layer that takes the container's changes. As root, below a layer
    /// what the host's root owns is the container's user's own, and readable to it whatever its mode is.
    /// </summary>
    public static RootFilesystem Directory(string path, CopyOnWrite? changes = null) =>
        new DirectoryRoot(path, changes);

    /// <summary>Whether the container may write to it once it runs.</summary>
    internal virtual bool IsWritable => false;

    /// <summary>Whether nothing but its mounts keeps the container from writing to the host's files.</summary>
    internal virtual bool IsReadOnlyOfHost => false;

    /// <summary>The home directory of root, where no passwd says it.</summary>
    internal virtual string DefaultHome => "/";

    /// <summary>Complains about what cannot be a root.</summary>
    internal virtual void Validate()
    {
    }

    /// <summary>Makes what it needs on the host; the second is disposed when the container is gone.</summary>
    internal virtual (RootFilesystem Root, IDisposable? Held) Open() => (this, null);

    /// <summary>The directory in which user names are looked up; null when it has only root and nobody.</summary>
    internal virtual SafeFileHandle? OpenForLookup() => null;

    /// <summary>A file for that, which may be a device or a pipe: to look at, no more.</summary>
    internal virtual SafeFileHandle FindForLookup(SafeFileHandle directory, string path) =>
        Syscall.OpenInRoot(directory, path, OpenFlags.O_PATH);

    /// <summary>Adds the steps that make it, attached nowhere yet.</summary>
    internal abstract Descriptor AddTo(LaunchPlan plan, ContainerIdentity identity);

    /// <summary>Adds the steps that fill it once it is the root.</summary>
    internal virtual void Fill(LaunchPlan plan, Descriptor root, ContainerIdentity identity)
    {
    }

    /// <summary>Adds the steps that end its making.</summary>
    internal virtual void Seal(LaunchPlan plan, Descriptor root)
    {
    }
}

/// <summary>Who a container is to its programs.</summary>
internal readonly record struct ContainerIdentity(uint User, uint Group, string HostName);
