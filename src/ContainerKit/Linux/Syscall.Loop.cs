using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>Loop devices, which show a file as a disk; loop(4).</summary>
internal static unsafe partial class Syscall
{
    /// <summary>The number of a loop device that nobody uses yet, which may be made for this; loop(4).</summary>
    public static int FindFreeLoop(SafeFileHandle control) =>
        (int)Check(Ioctl(control, (nuint)LoopRequest.LOOP_CTL_GET_FREE, null), "LOOP_CTL_GET_FREE");

    /// <summary>Has a loop device show a file; gives the error when it cannot. loop(4).</summary>
    public static Errno? ConfigureLoop(SafeFileHandle device, SafeFileHandle file, int blockSize, LoopFlags flags)
    {
        var how = new LoopConfiguration
        {
            File = (uint)file.DangerousGetHandle(),
            BlockSize = (uint)blockSize,
            Status = new() { Flags = (uint)flags },
        };
        return Ioctl(device, (nuint)LoopRequest.LOOP_CONFIGURE, &how) < 0 ? LastError : null;
    }

    /// <summary>Whether a loop device shows a file; loop(4).</summary>
    public static bool IsLoopOf(SafeFileHandle device, in FileStatus file)
    {
        LoopStatus found;
        return Ioctl(device, (nuint)LoopRequest.LOOP_GET_STATUS64, &found) >= 0
            && found.Inode == file.Inode
            && found.FileSystem == DeviceNumber(file.FileSystemMajor, file.FileSystemMinor);
    }

    private static ulong DeviceNumber(uint major, uint minor) =>
        (minor & 0xFF) | ((ulong)major << 8) | ((ulong)(minor & ~0xFFu) << 12);
}

/// <summary>What is asked of loop devices; loop(4).</summary>
internal enum LoopRequest
{
    LOOP_GET_STATUS64 = 0x4C05,
    LOOP_CONFIGURE = 0x4C0A,
    LOOP_CTL_GET_FREE = 0x4C82,
}

/// <summary>How a loop device behaves; loop(4).</summary>
[Flags]
internal enum LoopFlags
{
    LO_FLAGS_AUTOCLEAR = 0x4,
    LO_FLAGS_DIRECT_IO = 0x10,
}

/// <summary>What a loop device shows; struct loop_info64.</summary>
[StructLayout(LayoutKind.Explicit, Size = 232)]
internal struct LoopStatus
{
    [FieldOffset(0)]
    public ulong FileSystem;

    [FieldOffset(8)]
    public ulong Inode;

    [FieldOffset(52)]
    public uint Flags;
}

/// <summary>What a loop device is to show, and how; struct loop_config.</summary>
[StructLayout(LayoutKind.Explicit, Size = 304)]
internal struct LoopConfiguration
{
    [FieldOffset(0)]
    public uint File;

    [FieldOffset(4)]
    public uint BlockSize;

    [FieldOffset(8)]
    public LoopStatus Status;
}
