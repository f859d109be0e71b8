using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

internal static unsafe partial class Syscall
{
    /// <summary>Makes a file that lives in memory; memfd_create(2).</summary>
    public static SafeFileHandle MemfdCreate(string name, MemfdFlags flags) =>
        Handle(MemfdCreate(name, (uint)flags), "memfd_create", name);

    /// <summary>Forbids changes of a memory file; fcntl(2).</summary>
    public static void AddSeals(SafeFileHandle file, Seals seals)
    {
        const int F_ADD_SEALS = 1033;
        Check(Fcntl(file, F_ADD_SEALS, (int)seals), "fcntl");
    }

    /// <summary>Copies a descriptor to a number of at least <paramref name="least"/>; fcntl(2).</summary>
    public static SafeFileHandle Duplicate(SafeHandle file, int least)
    {
        const int F_DUPFD_CLOEXEC = 1030;
        return Handle(DuplicateFrom(file, F_DUPFD_CLOEXEC, least), "fcntl");
    }

    /// <summary>Opens a file of the host, close-on-exec; open(2).</summary>
    public static SafeFileHandle Open(string path, OpenFlags flags) =>
        Handle(Open(path, (int)(flags | OpenFlags.O_CLOEXEC), 0), "open", path);

    /// <summary>Makes a file of the host that must not be there yet, close-on-exec; open(2).</summary>
    public static SafeFileHandle Create(string path, uint mode)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_WRONLY | OpenFlags.O_CLOEXEC;
        return Handle(Open(path, (int)flags, mode), "open", path);
    }

    /// <summary>Makes a directory of the host that must not be there yet; mkdir(2).</summary>
    public static void MakeDirectory(string path, uint mode) => Check(Mkdir(path, mode), "mkdir", path);

    /// <summary>Removes a name of a file of the host; unlink(2).</summary>
    public static void Unlink(string path) => Check(UnlinkPath(path), "unlink", path);

    /// <summary>A path that leads to what a descriptor stands for, while it is open here; proc(5).</summary>
    public static string PathOf(SafeHandle file) => $"/proc/self/fd/{file.DangerousGetHandle()}";

    /// <summary>
    /// The same together with others; whoever has it alone shares it from then on. False when another has it alone.
    /// </summary>
    public static bool TryShareLock(SafeFileHandle file)
    {
        const short F_RDLCK = 0;
        return SetLock(file, F_RDLCK) || (LastError is Errno.EAGAIN or Errno.EACCES ? false : throw Failed("fcntl"));
    }

    /// <summary>
    /// Opens a path that cannot lead out of <paramref name="root"/>, whatever its links say; openat2(2).
    /// </summary>
    public static SafeFileHandle OpenInRoot(SafeFileHandle root, string path, OpenFlags flags)
    {
        var how = new OpenHow((ulong)(flags | OpenFlags.O_CLOEXEC), 0,
            (ulong)(ResolveFlags.RESOLVE_IN_ROOT | ResolveFlags.RESOLVE_NO_MAGICLINKS));
        nint opened;
        do
        {
            // A rename or mount somewhere on the machine while it goes up by ".." makes the kernel give up.
            opened = OpenAt2(SyscallNumber.openat2.Here, root, path, &how, sizeof(OpenHow));
        }
        while (opened < 0 && LastError is Errno.EAGAIN);
        return Handle(opened, "openat2", path);
    }

    /// <summary>Makes a pipe, close-on-exec; pipe2(2).</summary>
    public static (SafeFileHandle Read, SafeFileHandle Write) Pipe()
    {
        var ends = stackalloc int[2];
        Check(Pipe2(ends, (int)OpenFlags.O_CLOEXEC), "pipe2");
        return (new SafeFileHandle(ends[0], ownsHandle: true), new SafeFileHandle(ends[1], ownsHandle: true));
    }

    /// <summary>Lets nobody wait in a read or write of an end of a pipe; fcntl(2).</summary>
    public static void DoNotBlock(SafeFileHandle end)
    {
        const int F_SETFL = 4;
        Check(Fcntl(end, F_SETFL, (int)OpenFlags.O_NONBLOCK), "fcntl");
    }

    /// <summary>Sets how much a pipe holds; false where this user's pipes may hold no more. fcntl(2).</summary>
    public static bool TrySetPipeSize(SafeFileHandle end, int size)
    {
        const int F_SETPIPE_SZ = 1031;
        return Fcntl(end, F_SETPIPE_SZ, size) >= 0;
    }

    /// <summary>Sets the permissions of an open file, of a pipe, too; fchmod(2).</summary>
    public static void ChangeMode(SafeFileHandle file, uint mode) => Check(Fchmod(file, mode), "fchmod");

    /// <summary>Sets the permissions of a file of the host; chmod(2).</summary>
    public static void ChangeMode(string path, uint mode) => Check(Chmod(path, mode), "chmod", path);

    /// <summary>What an open file is; fstat(2).</summary>
    public static FileStatus Status(SafeHandle file)
    {
        // statx has one layout everywhere, struct stat has not; musl before 1.2.5 does not export it.
        const int AT_EMPTY_PATH = 0x1000;
        var status = new FileStatus();
        Check(StatX(SyscallNumber.statx.Here, file, "", AT_EMPTY_PATH, Wanted, &status), "statx");
        return status;
    }

    /// <summary>What a path from a directory on leads to, which is no link; fstatat(2).</summary>
    public static FileStatus Status(SafeHandle directory, string path)
    {
        const int AT_SYMLINK_NOFOLLOW = 0x100;
        var status = new FileStatus();
        Check(StatX(SyscallNumber.statx.Here, directory, path, AT_SYMLINK_NOFOLLOW, Wanted, &status), "statx", path);
        return status;
    }

    /// <summary>What a file of the host is; links are followed. stat(2).</summary>
    public static FileStatus Status(string path)
    {
        const int AT_FDCWD = -100;
        var status = new FileStatus();
        Check(StatX(SyscallNumber.statx.Here, AT_FDCWD, path, 0, Wanted, &status), "statx", path);
        return status;
    }

    /// <summary>Reads what is there; null when a descriptor that does not block has nothing yet. read(2).</summary>
    public static int? Read(SafeFileHandle file, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var count = Read(file, start, (nuint)buffer.Length);
            return count >= 0 ? (int)count : LastError is Errno.EAGAIN ? null : throw Failed("read");
        }
    }

    /// <summary>Reads from an offset on; pread(2).</summary>
    public static int ReadAt(SafeFileHandle file, Span<byte> buffer, long offset)
    {
        fixed (byte* start = buffer)
        {
            return (int)Check(Pread(file, start, (nuint)buffer.Length, (nint)offset), "pread");
        }
    }

    /// <summary>Writes what there is room for; null when a descriptor that does not block has none. write(2).</summary>
    public static int? Write(SafeFileHandle file, ReadOnlySpan<byte> content)
    {
        fixed (byte* start = content)
        {
            var count = Write(file, start, (nuint)content.Length);
            return count >= 0 ? (int)count : LastError is Errno.EAGAIN ? null : throw Failed("write");
        }
    }

    /// <summary>Reads a small file of the host whole, such as those of /proc.</summary>
    public static string ReadText(string path)
    {
        using var file = Open(path, OpenFlags.O_RDONLY);
        return ReadText(file);
    }

    /// <summary>Reads the rest of a small file.</summary>
    public static string ReadText(SafeFileHandle file)
    {
        var text = new StringBuilder();
        Span<byte> bytes = stackalloc byte[4096];
        while (Read(file, bytes) is > 0 and var length)
        {
            text.Append(Encoding.UTF8.GetString(bytes[..length]));
        }

        return text.ToString();
    }

    /// <summary>Writes all of a buffer to a file, from an offset on; pwrite(2).</summary>
    public static void WriteWhole(SafeFileHandle file, ReadOnlySpan<byte> content, int offset = 0)
    {
        for (nint done = 0; done < content.Length;)
        {
            fixed (byte* start = content[(int)done..])
            {
                done += Check(Pwrite(file, start, (nuint)(content.Length - done), offset + done), "pwrite");
            }
        }
    }

    /// <summary>Waits until a file or directory is on the disk; fsync(2).</summary>
    public static void Sync(SafeFileHandle file) => Check(Fsync(file), "fsync");

    /// <summary>Waits until all of the file system that a file is on is on the disk; syncfs(2).</summary>
    public static void SyncFileSystem(SafeFileHandle file) => Check(Syncfs(file), "syncfs");

    /// <summary>Makes a FIFO that must not be there yet; mkfifo(3).</summary>
    public static void MakeFifo(string path, uint mode) => Check(Mkfifo(path, mode), "mkfifo", path);

    private const uint STATX_BASIC_STATS = 0x7ff, STATX_MNT_ID = 0x1000, Wanted = STATX_BASIC_STATS | STATX_MNT_ID;

    [LibraryImport("libc", EntryPoint =
        "memfd_create", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int MemfdCreate(string name, uint flags);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Fcntl(SafeFileHandle file, int command, int argument);

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int DuplicateFrom(SafeHandle file, int command, int least);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Fsync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "syncfs", SetLastError = true)]
    private static partial int Syncfs(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "chmod", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Chmod(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "mkdir", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mkdir(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "mkfifo", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mkfifo(string path, uint mode);

    [LibraryImport("libc", EntryPoint = "unlink", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int UnlinkPath(string path);

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags, uint mode);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint OpenAt2(nint number, SafeFileHandle directory, string path, OpenHow* how, nint size);

    [LibraryImport("libc", EntryPoint = "pipe2", SetLastError = true)]
    private static partial int Pipe2(int* ends, int flags);

    [LibraryImport("libc", EntryPoint = "fchmod", SetLastError = true)]
    private static partial int Fchmod(SafeFileHandle file, uint mode);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint StatX(
        nint number, SafeHandle directory, string path, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc", EntryPoint = "syscall", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint StatX(
        nint number, int directory, string path, int flags, uint mask, FileStatus* status);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint Read(SafeFileHandle file, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "pread", SetLastError = true)]
    private static partial nint Pread(SafeFileHandle file, byte* buffer, nuint count, nint offset);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(SafeFileHandle file, byte* buffer, nuint count);

    [LibraryImport("libc", EntryPoint = "pwrite", SetLastError = true)]
    private static partial nint Pwrite(SafeFileHandle file, byte* buffer, nuint count, nint offset);
}

/// <summary>How openat2(2) opens.</summary>
internal readonly record struct OpenHow(ulong Flags, ulong Mode, ulong Resolve);

/// <summary>What a file is; struct statx.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal struct FileStatus
{
    [FieldOffset(16)]
    public uint Links;

    [FieldOffset(20)]
    public uint Owner;

    [FieldOffset(24)]
    public uint Group;

    [FieldOffset(28)]
    public ushort Mode;

    [FieldOffset(32)]
    public ulong Inode;

    [FieldOffset(40)]
    public ulong Size;

    /// <summary>How much it takes, in units of 512 bytes.</summary>
    [FieldOffset(48)]
    public ulong Blocks;

    [FieldOffset(96)]
    public long ChangedSeconds;

    [FieldOffset(104)]
    public uint ChangedNanoseconds;

    [FieldOffset(112)]
    public long ModifiedSeconds;

    [FieldOffset(120)]
    public uint ModifiedNanoseconds;

    [FieldOffset(128)]
    public uint Major;

    [FieldOffset(132)]
    public uint Minor;

    [FieldOffset(136)]
    public uint FileSystemMajor;

    [FieldOffset(140)]
    public uint FileSystemMinor;

    [FieldOffset(144)]
    public ulong Mount;

    public readonly bool IsDirectory => IsA(FileType.S_IFDIR);

    /// <summary>Whether both are of one file.</summary>
    public readonly bool IsSameAs(FileStatus other) =>
        (Inode, FileSystemMajor, FileSystemMinor) == (other.Inode, other.FileSystemMajor, other.FileSystemMinor);

    /// <summary>Whether it is a regular file.</summary>
    public readonly bool IsRegularFile => IsA(FileType.S_IFREG);

    public readonly bool IsClosedToOthers => (Mode & 0x3F) == 0; // 077

    public readonly bool IsA(FileType type) => (Mode & (uint)FileType.S_IFMT) == (uint)type;
}
