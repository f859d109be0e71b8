using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The directory of one detached container: <c>lock</c>, which its supervisor holds while it lives, <c>control</c>, a
/// FIFO that it reads signals from, <c>status</c>, which it writes to, <c>container.json</c>, and logs.
/// </summary>
internal sealed class DetachedDirectory : IDisposable
{
    private readonly SafeFileHandle _directory;

    private DetachedDirectory(SafeFileHandle directory, string id) => (_directory, Id) = (directory, id);

    /// <summary>The container's id.</summary>
    public string Id { get; }

    /// <summary>An open descriptor of it, to name its files by.</summary>
    public SafeFileHandle Handle => _directory;

    /// <summary>Where it is now, as this process sees it.</summary>
    public string FullPath =>
        new FileInfo(Syscall.PathOf(_directory)).ResolveLinkTarget(returnFinalTarget: false)?.FullName ?? "/";

    /// <summary>When what the launcher writes was last written.</summary>
    public DateTimeOffset ToldAt => File.GetLastWriteTimeUtc(PathOf("status"));

    /// <summary>Opens that of a container; null when there is none.</summary>
    public static DetachedDirectory? Open(SafeFileHandle parent, string id)
    {
        try
        {
            return new(Syscall.OpenEntry(parent, Name(id), OpenFlags.O_PATH), id);
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT)
        {
            return null;
        }
    }

    /// <summary>Opens one by its path, which may be anything; null when none is there.</summary>
    public static DetachedDirectory? At(string path)
    {
        var id = Path.GetFileName(path);
        if (!path.StartsWith('/') || !ContainerId.Is(id))
        {
            return null;
        }

        try
        {
            using var parent = Syscall.Open(Path.GetDirectoryName(path)!, OpenFlags.O_PATH);
            var there = Open(parent, id);
            if (there is null || Syscall.Status(there._directory).IsDirectory)
            {
                return there;
            }

            there.Dispose();
            return null;
        }
        catch (LinuxException gone)
            when (gone.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP or Errno.EXDEV or Errno.ENAMETOOLONG)
        {
            return null;
        }
    }

    /// <summary>Makes one that is not there yet, whose lock the caller gives up or keeps.</summary>
    public static (DetachedDirectory Directory, LockedFile Locked) Make(SafeFileHandle parent, string id)
    {
        Syscall.MakeDirectory($"{Syscall.PathOf(parent)}/{id}", 0x1C0); // 0700
        var made = Open(parent, id)!;
        LockedFile? locked = null;
        try
        {
            locked = LockedFile.TryTake(made._directory, "lock")!;
            using var status = made.OpenFile("status", OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_WRONLY);
            Syscall.WriteWhole(status, new byte[DetachedStatus.Length]);
            Syscall.MakeFifo(made.PathOf("control"), 0x180); // 0600
            return (made, locked);
        }
        catch
        {
            made.Dispose();
            Directory.Delete($"{Syscall.PathOf(parent)}/{id}", recursive: true);
            locked?.Dispose();
            throw;
        }
    }

    /// <summary>Whether a name of the parent still leads to this one, and not to a later one.</summary>
    public bool IsStillAt(SafeFileHandle parent)
    {
        using var there = Open(parent, Id);
        return there is not null && Syscall.Status(there._directory).IsSameAs(Syscall.Status(_directory));
    }

    /// <summary>Opens the FIFO, so that it has no end, and the file that the launcher writes to.</summary>
    public (SafeFileHandle Asked, SafeFileHandle Told) OpenForLaunch()
    {
        var asked = OpenFile("control", OpenFlags.O_RDWR);
        try
        {
            return (asked, OpenFile("status", OpenFlags.O_WRONLY));
        }
        catch
        {
            asked.Dispose();
            throw;
        }
    }

    /// <summary>Whether its supervisor lives, or a host is starting it.</summary>
    public bool IsHeld()
    {
        try
        {
            using var file = OpenFile("lock", OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK);
            return Syscall.IsLocked(file);
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT)
        {
            return false; // whoever made the directory was killed before that
        }
    }

    /// <summary>Opens what the launcher writes.</summary>
    public SafeFileHandle OpenStatus() => OpenFile("status", OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK);

    /// <summary>What the launcher wrote; nothing where the file is missing.</summary>
    public DetachedStatus ReadStatus()
    {
        try
        {
            using var status = OpenStatus();
            return DetachedStatus.Read(status);
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT)
        {
            return default;
        }
    }

    /// <summary>What the host wrote; null when that cannot be read.</summary>
    public DetachedRecord? ReadRecord()
    {
        try
        {
            using var file = OpenFile("container.json", OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK);
            var content = new byte[Math.Min(RandomAccess.GetLength(file), DetachedRecord.MostBytes)];
            return DetachedRecord.Parse(content.AsSpan(0, RandomAccess.Read(file, content, 0)));
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT)
        {
            return null;
        }
    }

    /// <summary>Writes what other processes need to know.</summary>
    public void Write(DetachedRecord record)
    {
        var json = record.ToJson();
        if (json.Length > DetachedRecord.MostBytes)
        {
            throw new ArgumentException("The environment of a detached container is too long to be kept.");
        }

        using var file = OpenFile("container.json", OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_WRONLY);
        Syscall.WriteWhole(file, json);
    }

    /// <summary>Asks the supervisor for a signal; false when it is gone, or cannot be reached.</summary>
    public bool Send(Signal signal)
    {
        try
        {
            using var control = OpenFile("control", OpenFlags.O_WRONLY | OpenFlags.O_NONBLOCK);
            Syscall.Write(control, BitConverter.GetBytes((int)signal));
            return true;
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENXIO or Errno.ENOENT or Errno.EPIPE)
        {
            return false;
        }
    }

    /// <summary>The path of one of its files while this is open.</summary>
    public string PathOf(string name) => $"{Syscall.PathOf(_directory)}/{name}";

    /// <inheritdoc/>
    public void Dispose() => _directory.Dispose();

    /// <summary>Opens one of its files; what lies in the place of one is none, and that is missing.</summary>
    private SafeFileHandle OpenFile(string name, OpenFlags flags)
    {
        try
        {
            var mode = flags.HasFlag(OpenFlags.O_CREAT) ? 0x180u : 0; // 0600
            var file = Syscall.OpenEntry(_directory, Name(name), flags, mode);
            var status = Syscall.Status(file);
            if (name == "control" ? !status.IsRegularFile && !status.IsDirectory : status.IsRegularFile)
            {
                return file;
            }

            file.Dispose();
        }
        catch (LinuxException other) when (other.Errno is Errno.ELOOP or Errno.EISDIR)
        {
        }

        throw new LinuxException("openat2", Errno.ENOENT, name);
    }

    private static byte[] Name(string name) => Encoding.UTF8.GetBytes(name + '\0');
}
