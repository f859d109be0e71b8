using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>A directory of a store, by its descriptor: no link below it is followed, whoever laid it there.</summary>
internal sealed class StoreDirectory(SafeFileHandle handle) : IDisposable
{
    /// <summary>The mode of one that only its owner enters: 0700.</summary>
    public const uint Closed = 0x1C0;

    /// <summary>
    /// The mode of one on the way to a layer: 0711. The ids that set a container up may be others than the store's, and
    /// the store's own directory keeps everybody else out.
    /// </summary>
    public const uint Passable = 0x1C9;

    private const int MostBytes = 4 << 20;

    /// <summary>The open directory.</summary>
    public SafeFileHandle Handle { get; } = handle;

    /// <summary>Whether what is written is to outlive a loss of power; directories in it are as it is.</summary>
    public bool WritesThrough { get; set; }

    /// <summary>Makes a directory where it is missing, with exactly this mode whatever the umask is.</summary>
    public StoreDirectory Make(string name, uint mode)
    {
        try
        {
            Syscall.MakeDirectory(Handle, name, mode, name);
        }
        catch (LinuxException exists) when (exists.Errno is Errno.EEXIST)
        {
        }

        SetMode(name, mode);
        return Open(name);
    }

    /// <summary>Opens a directory.</summary>
    public StoreDirectory Open(string name)
    {
        // What is no directory must not make anybody wait.
        var opened = Syscall.OpenEntry(Handle, Bytes(name), OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK);
        if (Syscall.Status(opened).IsDirectory)
        {
            return new(opened) { WritesThrough = WritesThrough };
        }

        opened.Dispose();
        throw new LinuxException("openat2", Errno.ENOTDIR, name);
    }

    /// <summary>Opens a directory; null when it is not there.</summary>
    public StoreDirectory? TryOpen(string name)
    {
        try
        {
            return Has(name) ? Open(name) : null;
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT)
        {
            return null;
        }
    }

    /// <summary>Whether there is such a name.</summary>
    public bool Has(string name) => Syscall.Exists(Handle, name);

    /// <summary>Whether there is a directory of such a name, whoever may enter it.</summary>
    public bool HasDirectory(string name) =>
        Syscall.TryStatus(Handle, Bytes(name), out var status) && status.IsDirectory;

    /// <summary>The names it holds, in no order; those that are no text of UTF-8 come out as others.</summary>
    public List<string> Names()
    {
        using var again = Syscall.OpenEntry(Handle, ".\0"u8, OpenFlags.O_RDONLY); // with a position of its own
        var (reader, names) = (new DirectoryReader(again), new List<string>());
        while (reader.Next() is { IsEmpty: false } name)
        {
            names.Add(Encoding.UTF8.GetString(name[..^1]));
        }

        return names;
    }

    /// <summary>Moves what has a name to another directory; false when there is none.</summary>
    public bool TryMove(string name, StoreDirectory target, string newName)
    {
        try
        {
            Syscall.Rename(Handle, Bytes(name), target.Handle, Bytes(newName));
            return true;
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT)
        {
            return false;
        }
    }

    /// <summary>Writes a small file that is there whole or not at all; its name is not on the disk yet.</summary>
    public void Write(string name, ReadOnlySpan<byte> content) =>
        Write(content, $".{name}-{Guid.NewGuid():N}", temporary => TryMove(temporary, this, name));

    /// <summary>The same unless there is one by then.</summary>
    public void TryWriteNew(string name, ReadOnlySpan<byte> content) =>
        Write(content, $".{name}-{Guid.NewGuid():N}", temporary =>
        {
            if (Syscall.Link(Handle, Bytes(temporary), Handle, Bytes(name)) is { } error and not Errno.EEXIST)
            {
                throw new LinuxException("linkat", error, name);
            }

            Syscall.TryUnlink(Handle, Bytes(temporary));
        });

    /// <summary>Reads a small file; null when there is none.</summary>
    public byte[]? Read(string name, int most = MostBytes)
    {
        using var file = TryOpenFile(name);
        if (file is null)
        {
            return null;
        }

        var status = Syscall.Status(file);
        if (!status.IsRegularFile || status.Size > (ulong)most)
        {
            throw new LinuxException("openat2", Errno.EINVAL, name, "It is no file that a store wrote.");
        }

        var content = new byte[(int)status.Size];
        return content[..RandomAccess.Read(file, content, 0)];
    }

    /// <summary>Waits until its names are on the disk, where that matters.</summary>
    public void Sync()
    {
        if (WritesThrough)
        {
            Syscall.Sync(Handle);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => Handle.Dispose();

    /// <summary>A name as system calls take it.</summary>
    public static byte[] Bytes(string name) => Encoding.UTF8.GetBytes(name + '\0');

    private void Write(ReadOnlySpan<byte> content, string temporary, Action<string> keep)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_WRONLY;
        using (var file = Syscall.OpenEntry(Handle, Bytes(temporary), flags, 0x180)) // 0600
        {
            try
            {
                Syscall.WriteWhole(file, content);
                Syscall.ChangeMode(file, 0x180);
                if (WritesThrough)
                {
                    Syscall.Sync(file); // or there may be a name without what it names
                }

                keep(temporary);
            }
            catch
            {
                Syscall.TryUnlink(Handle, Bytes(temporary));
                throw;
            }
        }
    }

    private SafeFileHandle? TryOpenFile(string name)
    {
        try
        {
            return Has(name)
                ? Syscall.OpenEntry(Handle, Bytes(name), OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK) : null;
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT)
        {
            return null;
        }
    }

    private void SetMode(string name, uint mode)
    {
        using var made = Syscall.OpenEntry(Handle, Bytes(name), OpenFlags.O_PATH);
        var status = Syscall.Status(made);
        if (status.IsDirectory && (status.Mode & 0xFFF) != mode)
        {
            Syscall.ChangeMode(Syscall.PathOf(made), mode);
        }
    }
}
