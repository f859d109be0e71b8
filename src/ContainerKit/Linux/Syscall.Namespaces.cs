using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>Questions to namespaces; ioctl_ns(2).</summary>
internal static unsafe partial class Syscall
{
    /// <summary>What kind of namespace a file of nsfs is.</summary>
    public static CloneFlags NamespaceKind(SafeFileHandle file) =>
        (CloneFlags)Check(Ioctl(file, (nuint)NamespaceRequest.NS_GET_NSTYPE, null), "ioctl");

    /// <summary>Opens the user namespace that owns another, or the parent of one; close-on-exec.</summary>
    public static SafeFileHandle OpenRelated(SafeFileHandle file, NamespaceRequest relation, string name) =>
        Handle(Ioctl(file, (nuint)relation, null), "ioctl", name);

    /// <summary>The user that made a user namespace, as this process's user namespace numbers it.</summary>
    public static uint NamespaceOwner(SafeFileHandle file, string name)
    {
        uint user;
        Check(Ioctl(file, (nuint)NamespaceRequest.NS_GET_OWNER_UID, &user), "ioctl", name);
        return user;
    }
}

/// <summary>What is asked of a namespace; ioctl_ns(2).</summary>
internal enum NamespaceRequest : uint
{
    NS_GET_USERNS = 0xB701,
    NS_GET_PARENT = 0xB702,
    NS_GET_NSTYPE = 0xB703,
    NS_GET_OWNER_UID = 0xB704,
}
