using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>Files by a directory's descriptor and a name in it, which is any bytes that end with NUL.</summary>
internal static unsafe partial class Syscall
{
    /// <summary>Opens or makes what a directory holds: through no link, nothing mounted there. openat2(2).</summary>
    public static SafeFileHandle OpenEntry(
        SafeFileHandle directory, ReadOnlySpan<byte> name, OpenFlags flags, uint mode = 0)
    {
        var how = new OpenHow((ulong)(flags | OpenFlags.O_CLOEXEC), mode,
            (ulong)(ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS | ResolveFlags.RESOLVE_NO_XDEV));
        fixed (byte* start = name)
        {
            var opened = OpenAt2(SyscallNumber.openat2.Here, directory, start, &how, sizeof(OpenHow));
            return opened >= 0
                ? new(opened, ownsHandle: true)
                : throw Failed("openat2", Encoding.UTF8.GetString(name[..^1]));
        }
    }

    /// <summary>
    /// Opens what a directory holds, through no link, even if something is mounted there. openat2(2).
    /// </summary>
    public static SafeFileHandle OpenChild(SafeFileHandle directory, string name, OpenFlags flags)
    {
        var how = new OpenHow((ulong)(flags | OpenFlags.O_CLOEXEC), 0,
            (ulong)(ResolveFlags.RESOLVE_BENEATH | ResolveFlags.RESOLVE_NO_SYMLINKS));
        return Handle(OpenAt2(SyscallNumber.openat2.Here, directory, name, &how, sizeof(OpenHow)), "openat2", name);
    }

    /// <summary>
    /// Gives what a directory holds, or it itself by an empty name, to a user; its group stays. fchownat(2).
    /// </summary>
    public static void ChangeOwner(SafeFileHandle directory, string name, uint user, string path)
    {
        const int AT_SYMLINK_NOFOLLOW = 0x100, AT_EMPTY_PATH = 0x1000;
        Check(ChownAt(directory, name, user, uint.MaxValue, AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH), "fchownat", path);
    }

    /// <summary>Makes a directory in another; mkdirat(2).</summary>
    public static void MakeDirectory(SafeFileHandle directory, string name, uint mode, string path) =>
        Check(MkdirAt(directory, name, mode), "mkdirat", path);

    /// <summary>Whether a directory holds a name; faccessat(2).</summary>
    public static bool Exists(SafeFileHandle directory, string name)
    {
        const int F_OK = 0;
        return AccessAt(directory, name, F_OK, 0) == 0;
    }

    /// <summary>Fills a buffer with entries, and says how many bytes they take; 0 at the end. getdents64(2).</summary>
    public static int ReadDirectory(SafeFileHandle directory, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            return (int)Check(GetEntries(SyscallNumber.getdents64.Here, directory, start, buffer.Length), "getdents64");
        }
    }

    /// <summary>Reads a directory from its start again; lseek(2).</summary>
    public static void Rewind(SafeFileHandle directory)
    {
        const int SEEK_SET = 0;
        Check(Seek(directory, 0, SEEK_SET), "lseek");
    }

    /// <summary>Removes what is no directory; false when it is one. unlinkat(2).</summary>
    public static bool TryUnlink(SafeFileHandle directory, ReadOnlySpan<byte> name) =>
        Unlink(directory, name, 0, Errno.EISDIR);

    /// <summary>Removes a directory; false when it holds something. unlinkat(2).</summary>
    public static bool TryRemoveDirectory(SafeFileHandle directory, ReadOnlySpan<byte> name)
    {
        const int AT_REMOVEDIR = 0x200;
        return Unlink(directory, name, AT_REMOVEDIR, Errno.ENOTEMPTY);
    }

    /// <summary>Moves a file or directory; renameat(2).</summary>
    public static void Rename(
        SafeFileHandle directory, ReadOnlySpan<byte> name, SafeFileHandle newDirectory, ReadOnlySpan<byte> newName)
    {
        fixed (byte* start = name, newStart = newName)
        {
            Check(RenameAt(directory, start, newDirectory, newStart), "renameat");
        }
    }

    private static bool Unlink(SafeFileHandle directory, ReadOnlySpan<byte> name, int flags, Errno refusal)
    {
        fixed (byte* start = name)
        {
            return UnlinkAt(directory, start, flags) >= 0 || (LastError == refusal ? false : throw Failed("unlinkat"));
        }
    }

    [LibraryImport("libc", EntryPoint = "fchownat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChownAt(SafeFileHandle directory, string path, uint user, uint group, int flags);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint OpenAt2(nint number, SafeFileHandle directory, byte* path, OpenHow* how, nint size);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true)]
    private static partial nint GetEntries(nint number, SafeFileHandle directory, byte* buffer, nint size);

    [LibraryImport("libc", EntryPoint = "mkdirat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MkdirAt(SafeFileHandle directory, string name, uint mode);

    [LibraryImport("libc", EntryPoint = "faccessat", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int AccessAt(SafeFileHandle directory, string name, int mode, int flags);

    [LibraryImport("libc", EntryPoint = "lseek", SetLastError = true)]
    private static partial nint Seek(SafeFileHandle file, nint offset, int from);

    [LibraryImport("libc", EntryPoint = "unlinkat", SetLastError = true)]
    private static partial int UnlinkAt(SafeFileHandle directory, byte* name, int flags);

    [LibraryImport("libc", EntryPoint = "renameat", SetLastError = true)]
    private static partial int RenameAt(
        SafeFileHandle directory, byte* name, SafeFileHandle newDirectory, byte* newName);
}

/// <summary>What getdents64(2) says of a file, up to its name, which ends with NUL; struct dirent64.</summary>
[StructLayout(LayoutKind.Explicit, Size = 280)]
internal struct DirectoryEntry
{
    public const byte DT_DIR = 4;

    [FieldOffset(16)]
    public ushort Length;

    [FieldOffset(18)]
    public byte Type;

    [FieldOffset(19)]
    public byte Name;
}
