namespace ContainerKit.Linux;

/// <summary>How a file is opened; open(2). Only flags with one value on every architecture.</summary>
[Flags]
internal enum OpenFlags
{
    O_RDONLY = 0,
    O_WRONLY = 0x1,
    O_RDWR = 0x2,
    O_CREAT = 0x40,
    O_EXCL = 0x80,
    O_NOCTTY = 0x100,
    O_TRUNC = 0x200,
    O_NONBLOCK = 0x800,
    O_CLOEXEC = 0x80000,
    O_PATH = 0x200000,
}

/// <summary>How a path is looked up; openat2(2).</summary>
[Flags]
internal enum ResolveFlags
{
    RESOLVE_NO_XDEV = 0x1,
    RESOLVE_NO_MAGICLINKS = 0x2,
    RESOLVE_NO_SYMLINKS = 0x4,
    RESOLVE_BENEATH = 0x8,
    RESOLVE_IN_ROOT = 0x10,
}

/// <summary>Modes of a file; inode(7).</summary>
[Flags]
internal enum FileType
{
    S_IFIFO = 0x1000,
    S_IFCHR = 0x2000,
    S_IFDIR = 0x4000,
    S_IFBLK = 0x6000,
    S_IFREG = 0x8000,
    S_IFLNK = 0xA000,
    S_IFSOCK = 0xC000,
    S_IFMT = 0xF000,
}

/// <summary>What a memory file is made with; memfd_create(2).</summary>
[Flags]
internal enum MemfdFlags
{
    MFD_CLOEXEC = 0x1,
    MFD_ALLOW_SEALING = 0x2,
    MFD_EXEC = 0x10,
}

/// <summary>What can no longer be done to a memory file; fcntl(2).</summary>
[Flags]
internal enum Seals
{
    F_SEAL_SEAL = 0x1,
    F_SEAL_SHRINK = 0x2,
    F_SEAL_GROW = 0x4,
    F_SEAL_WRITE = 0x8,
}
