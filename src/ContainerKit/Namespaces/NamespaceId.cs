namespace ContainerKit;

/// <summary>What tells a namespace from all others of this machine while it exists; ioctl_ns(2).</summary>
/// <param name="Device">The device of its file, major number in the upper 32 bits, minor in the lower.</param>
/// <param name="Inode">The number of its file, as <c>net:[4026531840]</c> shows it.</param>
public readonly record struct NamespaceId(ulong Device, ulong Inode);
