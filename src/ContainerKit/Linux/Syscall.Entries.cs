using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>
/// What a tree is made of, by a directory's descriptor and a name in it, which is any bytes that end with NUL.
/// </summary>
internal static unsafe partial class Syscall
{
    /// <summary>Makes a file, open to be written; null when the name is taken. openat(2).</summary>
    public static SafeFileHandle? TryCreate(SafeFileHandle directory, ReadOnlySpan<byte> name, uint mode)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_WRONLY | OpenFlags.O_CLOEXEC;
        fixed (byte* start = name)
        {
            var made = OpenAt(directory, start, (int)flags, mode);
            return made >= 0 ? new(made, ownsHandle: true)
                : LastError is Errno.EEXIST ? null : throw Failed("openat", Text(name));
        }
    }

    /// <summary>
    /// Opens what a directory holds, through no link but, where that is asked for, to a link itself, and into nothing
    /// that is mounted there; gives the error when it cannot. openat2(2).
    /// </summary>
    public static Errno? OpenHeld(
        SafeFileHandle directory, ReadOnlySpan<byte> name, OpenFlags flags, bool linkItself, out SafeFileHandle? opened)
    {
        var itself = linkItself ? NoFollow(RuntimeInformation.ProcessArchitecture) : 0;
        var how = new OpenHow((ulong)(flags | OpenFlags.O_CLOEXEC) | itself, 0,
            (ulong)(ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV));
        fixed (byte* start = name)
        {
            var number = OpenAt2(SyscallNumber.openat2.Here, directory, start, &how, sizeof(OpenHow));
            opened = number >= 0 ? new(number, ownsHandle: true) : null;
            return number >= 0 ? null : LastError;
        }
    }

    /// <summary>Makes a directory; false when the name is taken. mkdirat(2).</summary>
    public static bool TryMakeDirectory(SafeFileHandle directory, ReadOnlySpan<byte> name, uint mode)
    {
        fixed (byte* start = name)
        {
            return IsMade(MkdirAt(directory, start, mode), "mkdirat", name);
        }
    }

    /// <summary>Makes a device or a FIFO; false when the name is taken. mknodat(2).</summary>
    public static bool TryMakeNode(
        SafeFileHandle directory, ReadOnlySpan<byte> name, uint typeAndMode, (uint Major, uint Minor) device = default)
    {
        var number = (device.Minor & 0xFF) | (device.Major << 8) | ((device.Minor & ~0xFFu) << 12);
        fixed (byte* start = name)
        {
            return IsMade(MknodAt(SyscallNumber.mknodat.Here, directory, start, typeAndMode, number), "mknodat", name);
        }
    }

    /// <summary>Makes a symbolic link; false when the name is taken. symlinkat(2).</summary>
    public static bool TryMakeSymbolicLink(
        ReadOnlySpan<byte> target, SafeFileHandle directory, ReadOnlySpan<byte> name)
    {
        fixed (byte* start = name, targetStart = target)
        {
            return IsMade(SymlinkAt(targetStart, directory, start), "symlinkat", name);
        }
    }

    /// <summary>Gives a file, or a symbolic link, a further name; gives the error when it cannot. linkat(2).</summary>
    public static Errno? Link(
        SafeFileHandle directory, ReadOnlySpan<byte> name, SafeFileHandle newDirectory, ReadOnlySpan<byte> newName)
    {
        fixed (byte* start = name, newStart = newName)
        {
            return LinkAt(directory, start, newDirectory, newStart, 0) < 0 ? LastError : null;
        }
    }

    /// <summary>What a directory holds under a name, which is followed nowhere; false when nothing. statx(2).</summary>
    public static bool TryStatus(SafeFileHandle directory, ReadOnlySpan<byte> name, out FileStatus status)
    {
        const int AT_SYMLINK_NOFOLLOW = 0x100;
        fixed (byte* start = name)
        {
            fixed (FileStatus* found = &status)
            {
                return StatX(SyscallNumber.statx.Here, directory, start, AT_SYMLINK_NOFOLLOW, Wanted, found) >= 0
                    || (LastError is Errno.ENOENT ? false : throw Failed("statx", Text(name)));
            }
        }
    }

    /// <summary>Gives an open file to others; fchown(2).</summary>
    public static void ChangeOwner(SafeFileHandle file, uint user, uint group) =>
        Check(Fchown(file, user, group), "fchown");

    /// <summary>Gives what a descriptor only stands for to others; fchownat(2).</summary>
    public static void ChangeOwnerOfNamed(SafeFileHandle file, uint user, uint group)
    {
        const int AT_EMPTY_PATH = 0x1000;
        byte nothing = 0;
        Check(FchownAt(file, &nothing, user, group, AT_EMPTY_PATH), "fchownat");
    }

    /// <summary>Sets when an open file was read and modified last; futimens(3).</summary>
    public static void ChangeTimes(SafeFileHandle file, long seconds, uint nanoseconds)
    {
        var times = stackalloc long[] { seconds, nanoseconds, seconds, nanoseconds };
        Check(Futimens(file, times), "utimensat");
    }

    /// <summary>
    /// Sets when that which a descriptor only stands for was read and modified last; utimensat(2).
    /// </summary>
    public static void ChangeTimesOfNamed(SafeFileHandle file, long seconds, uint nanoseconds)
    {
        const int AT_EMPTY_PATH = 0x1000;
        var times = stackalloc long[] { seconds, nanoseconds, seconds, nanoseconds };
        byte nothing = 0;
        Check(UtimensAt(file, &nothing, times, AT_EMPTY_PATH), "utimensat");
    }

    /// <summary>Cuts a file off, or lengthens it by a hole; ftruncate(2).</summary>
    public static void Truncate(SafeFileHandle file, long length) => Check(Ftruncate(file, (nint)length), "ftruncate");

    /// <summary>Writes all of a buffer where the file stands, or at an offset; write(2), pwrite(2).</summary>
    public static void WriteAll(SafeFileHandle file, ReadOnlySpan<byte> content, long? offset = null)
    {
        while (!content.IsEmpty)
        {
            fixed (byte* start = content)
            {
                var count = offset is { } place
                    ? Check(Pwrite(file, start, (nuint)content.Length, (nint)place), "pwrite")
                    : Check(Write(file, start, (nuint)content.Length), "write");
                content = content[(int)count..];
                offset += count;
            }
        }
    }

    /// <summary>
    /// Copies a piece of a file to the same place in another, which may share it instead; less where the file ends
    /// before. copy_file_range(2), and pread(2) and pwrite(2) between file systems that cannot.
    /// </summary>
    public static void CopyRange(SafeFileHandle source, SafeFileHandle target, long offset, long length)
    {
        for (var end = offset + length; offset < end;)
        {
            var (from, to) = (offset, offset);
            var count = CopyFileRange(
                SyscallNumber.copy_file_range.Here, source, &from, target, &to, (nuint)(end - offset), 0);
            if (count < 0 && LastError is Errno.EXDEV or Errno.EINVAL or Errno.ENOTSUP)
            {
                CopyBytes(source, target, offset, end);
                return;
            }

            offset = Check(count, "copy_file_range") > 0 ? offset + count : end;
        }
    }

    private static void CopyBytes(SafeFileHandle source, SafeFileHandle target, long offset, long end)
    {
        const int most = 256 << 10;
        var buffer = new byte[Math.Min(most, end - offset)];
        while (offset < end)
        {
            var count = ReadAt(source, buffer.AsSpan(0, (int)Math.Min(buffer.Length, end - offset)), offset);
            WriteAll(target, buffer.AsSpan(0, count), offset);
            offset = count > 0 ? offset + count : end;
        }
    }

    /// <summary>Where the next data, or the next hole, of a file begins; null beyond the last. lseek(2).</summary>
    public static long? Seek(SafeFileHandle file, long from, bool hole)
    {
        const int SEEK_DATA = 3, SEEK_HOLE = 4;
        var found = Seek(file, (nint)from, hole ? SEEK_HOLE : SEEK_DATA);
        return found >= 0 ? found : LastError is Errno.ENXIO ? null : throw Failed("lseek");
    }

    /// <summary>Where the symbolic link leads that a descriptor stands for; readlinkat(2).</summary>
    public static byte[] ReadLink(SafeFileHandle link)
    {
        const int most = 4096; // no link is as long
        var target = stackalloc byte[most];
        byte nothing = 0;
        return new ReadOnlySpan<byte>(target, (int)Check(ReadLinkAt(link, &nothing, target, most), "readlinkat"))
            .ToArray();
    }

    /// <summary>O_NOFOLLOW, which is another one on each architecture.</summary>
    public static ulong NoFollow(Architecture architecture) => architecture is Architecture.Arm64 ? 0x8000ul : 0x20000;

    private static bool IsMade(nint result, string call, ReadOnlySpan<byte> name) =>
        result >= 0 || (LastError is Errno.EEXIST ? false : throw Failed(call, Text(name)));

    private static string Text(ReadOnlySpan<byte> name) => Encoding.UTF8.GetString(name[..^1]);

    [LibraryImport("libc", EntryPoint = "openat", SetLastError = true)]
    private static partial int OpenAt(SafeFileHandle directory, byte* name, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true)]
    private static partial int MkdirAt(SafeFileHandle directory, byte* name, uint mode);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint MknodAt(nint number, SafeFileHandle directory, byte* name, nuint mode, nuint device);

    [LibraryImport("libc", EntryPoint = "symlinkat", SetLastError = true)]
    private static partial int SymlinkAt(byte* target, SafeFileHandle directory, byte* name);

    [LibraryImport("libc", EntryPoint = "linkat", SetLastError = true)]
    private static partial int LinkAt(
        SafeFileHandle directory, byte* name, SafeFileHandle newDirectory, byte* newName, int flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint StatX(
        nint number, SafeFileHandle directory, byte* name, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    private static partial int Fchown(SafeFileHandle file, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true)]
    private static partial int FchownAt(SafeFileHandle file, byte* path, uint user, uint group, int flags);

    [LibraryImport("libc", EntryPoint = "futimens", SetLastError = true)]
    private static partial int Futimens(SafeFileHandle file, long* times);

    [LibraryImport("libc", EntryPoint = "utimensat", SetLastError = true)]
    private static partial int UtimensAt(SafeFileHandle file, byte* path, long* times, int flags);

    [LibraryImport("libc", EntryPoint = "ftruncate", SetLastError = true)]
    private static partial int Ftruncate(SafeFileHandle file, nint length);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint CopyFileRange(
        nint number, SafeFileHandle source, long* from, SafeFileHandle target, long* to, nuint count, nint flags);

    [LibraryImport("libc", EntryPoint = "readlinkat", SetLastError = true)]
    private static partial nint ReadLinkAt(SafeFileHandle link, byte* path, byte* target, nuint size);
}
