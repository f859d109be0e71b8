using System.Globalization;
using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The file system of a writable layer that has a limit: a file in its directory, of which only what was written takes
/// room. All that mount it do so by one loop device, so that to the kernel it is one file system.
/// </summary>
internal static class LimitedDisk
{
    /// <summary>Its name in the directory of the layer, and its type.</summary>
    public const string File = "disk", Type = "ext4";

    /// <summary>The file that says which loop device it has, and whose lock is held to find or make that.</summary>
    private const string Device = "loop";

    /// <summary>Makes one, which outlives this machine's losing its power where it is to be kept.</summary>
    /// <exception cref="LimitNotSupportedException">This user, or the file system, cannot have one.</exception>
    public static void Make(SafeFileHandle directory, ByteSize size, bool isKept)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_RDWR;
        var (most, _) = Syscall.GetLimit(Resource.RLIMIT_FSIZE);
        if (most < (ulong)size.Bytes)
        {
            throw DiskRefusal.TooLarge(size, "RLIMIT_FSIZE of this process"); // which would be ended by a signal
        }

        using var file = Syscall.OpenEntry(directory, StoreDirectory.Bytes(File), flags, 0x180); // 0600
        try
        {
            Ext4Format.Write(file, size, hasJournal: isKept);
        }
        catch (LinuxException large) when (large.Errno is Errno.EFBIG)
        {
            throw DiskRefusal.TooLarge(size, "the file system of the store");
        }
    }

    /// <summary>Finds or makes its loop device, which is there while it is held or mounted.</summary>
    /// <exception cref="LimitNotSupportedException">This host has none for this user.</exception>
    public static LoopDevice Attach(SafeFileHandle directory)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK;
        using var turn = Syscall.OpenEntry(directory, StoreDirectory.Bytes(Device), flags, 0x180); // 0600
        using var file = Syscall.OpenEntry(
            directory, StoreDirectory.Bytes(File), OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK);
        Syscall.WaitForLock(turn);
        try
        {
            if (Read(turn) is { } number && LoopDevice.TryFind(number, file) is { } found)
            {
                return found;
            }

            var made = LoopDevice.Attach(file);
            Write(turn, made.Number);
            return made;
        }
        catch (LinuxException refused)
        {
            throw DiskRefusal.Of(refused);
        }
        finally
        {
            Syscall.Unlock(turn); // a process that somebody is starting has a copy until it is executed
        }
    }

    /// <summary>Mounts it for this process alone, until all is closed that was opened in there.</summary>
    public static SafeFileHandle Mount(SafeFileHandle directory, bool readOnly)
    {
        using var device = Attach(directory);
        return Mount(device, readOnly);
    }

    /// <summary>The same of a device that is at hand.</summary>
    public static SafeFileHandle Mount(LoopDevice device, bool readOnly)
    {
        const MountAttributes inert =
            MountAttributes.MOUNT_ATTR_NOSUID | MountAttributes.MOUNT_ATTR_NODEV | MountAttributes.MOUNT_ATTR_NOEXEC;
        try
        {
            return Syscall.MountDisk(
                Type, device.Path, inert | (readOnly ? MountAttributes.MOUNT_ATTR_RDONLY : MountAttributes.None));
        }
        catch (LinuxException refused)
        {
            throw DiskRefusal.Of(refused);
        }
    }

    private static int? Read(SafeFileHandle turn)
    {
        Span<byte> text = stackalloc byte[16];
        var length = Syscall.ReadAt(turn, text, 0);
        return int.TryParse(text[..length], NumberStyles.None, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;
    }

    private static void Write(SafeFileHandle turn, int number)
    {
        Syscall.Truncate(turn, 0);
        Syscall.WriteAll(turn, Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture)), 0);
    }
}
