using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>A group's directory in one hierarchy, by its descriptor: whatever its path leads to later.</summary>
internal sealed partial class CgroupDirectory : IDisposable
{
    /// <summary>Where version 1 counts threads one by one, whatever process they are of.</summary>
    public const string OldThreads = "tasks";

    private const string Members = "cgroup.procs";
    private const uint Mode = 0x1ED, Open700 = 0x1C0; // 0755, 0700

    private readonly SafeFileHandle _handle;
    private string[]? _controllers;
    private AttachedDevices? _devices;
    private SafeFileHandle? _lock;

    /// <summary>Its descriptor.</summary>
    public SafeFileHandle Handle => _handle;

    private CgroupDirectory(CgroupHierarchy hierarchy, string path, SafeFileHandle handle) =>
        (Hierarchy, Path, _handle) = (hierarchy, path, handle);

    /// <summary>The hierarchy it is in.</summary>
    public CgroupHierarchy Hierarchy { get; }

    /// <summary>Where it was found, for messages.</summary>
    public string Path { get; }

    /// <summary>A path that leads to the directory it is in, while it is open and there.</summary>
    public string PathAbove => $"{Syscall.PathOf(_handle)}/..";

    /// <summary>Its name in that.</summary>
    public string Name => System.IO.Path.GetFileName(Path);

    /// <summary>Whether it is of version 2.</summary>
    public bool IsUnified => Hierarchy.IsUnified;

    /// <summary>The file in which threads are, one by one.</summary>
    public string Threads => ThreadsOf(Hierarchy);

    /// <summary>The controllers whose files it has.</summary>
    public string[] Controllers => _controllers ??= IsUnified
        ? Read("cgroup.controllers").Split(' ', StringSplitOptions.RemoveEmptyEntries)
        : Hierarchy.Controllers;

    /// <summary>Its devices, when it is of version 2, which has no file of them.</summary>
    public AttachedDevices Devices =>
        _devices ?? Interlocked.CompareExchange(ref _devices, new(_handle, Path), null) ?? _devices;

    /// <summary>The file in which threads are, in every group of a hierarchy.</summary>
    public static string ThreadsOf(CgroupHierarchy hierarchy) => hierarchy.IsUnified ? "cgroup.threads" : OldThreads;

    /// <summary>
    /// What its owner locks: in version 2 the one file that nobody but the group's user may open, since to have it open
    /// for reading is enough for flock(2), which wants it open for something: O_PATH is not enough.
    /// </summary>
    public SafeFileHandle Lock => !IsUnified ? _handle : Volatile.Read(ref _lock) ?? OpenLock();

    /// <summary>Opens one that is there.</summary>
    public static CgroupDirectory Open(CgroupHierarchy hierarchy, string path) =>
        new(hierarchy, path, Syscall.Open(path, OpenFlags.O_RDONLY));

    /// <summary>Makes one in it.</summary>
    public CgroupDirectory Make(string name)
    {
        var path = $"{Path}/{name}";
        Syscall.MakeDirectory(_handle, name, Mode, path);
        try
        {
            return OpenChild(name);
        }
        catch
        {
            Syscall.TryRemoveDirectory(_handle, Encoding.UTF8.GetBytes(name + '\0'));
            throw;
        }
    }

    /// <summary>Opens one in it.</summary>
    public CgroupDirectory OpenChild(string name) => new(
        Hierarchy, $"{Path}/{name}",
        Syscall.OpenChild(_handle, name, OpenFlags.O_RDONLY));

    /// <summary>
    /// Removes it and all below; false while there are processes in it, true when it is gone already.
    /// </summary>
    public bool RemoveTree()
    {
        if (Remove())
        {
            return true;
        }

        TryOn(() => RemoveBelow(_handle));
        return Remove();
    }

    /// <summary>Puts the threads in it into the group that it is in.</summary>
    public void MoveThreadsUp()
    {
        TryOn(() =>
        {
            using var above = Syscall.Open($"{PathAbove}/{Threads}", OpenFlags.O_WRONLY);
            foreach (var id in Read(Threads).Split('\n', StringSplitOptions.RemoveEmptyEntries))
            {
                TryOn(() => Syscall.Write(above, Encoding.UTF8.GetBytes(id)) > 0);
            }

            return true;
        });
    }

    /// <summary>Whether the group is there still.</summary>
    public bool IsThere => Has(Members) || (TryOpenUp() && Has(Members));

    /// <summary>Whether it was closed.</summary>
    public bool IsClosed => _handle.IsClosed;

    /// <summary>
    /// Removes it, wherever it is by now; false while it holds processes or groups, true when it is gone already.
    /// </summary>
    public bool Remove()
    {
        return TryOn(() =>
        {
            var (path, own) = ($"../{Name}", Syscall.Status(_handle));
            TryOpenUp(); // or its own path is closed to whoever it belongs to
            return Syscall.Status(_handle, path).Inode != own.Inode // another, of the same name
                || Syscall.TryRemoveDirectory(_handle, Encoding.UTF8.GetBytes(path + '\0'));
        });
    }

    /// <summary>Whether it has a file: the kernel knows it, and its controller is enabled.</summary>
    public bool Has(string file) => Syscall.Exists(_handle, file);

    /// <summary>Opens a file of it.</summary>
    public SafeFileHandle OpenFile(string file, OpenFlags flags) =>
        Told(file, () =>
        {
            try
            {
                return Syscall.OpenChild(_handle, file, flags);
            }
            catch (LinuxException closed) when (closed.Errno is Errno.EACCES && TryOpenUp(file, flags))
            {
                return Syscall.OpenChild(_handle, file, flags);
            }
        });

    /// <summary>Reads a file whole, without the newline at its end.</summary>
    public string Read(string file)
    {
        using var opened = OpenFile(file, OpenFlags.O_RDONLY);
        return Told(file, () => Syscall.ReadText(opened)).TrimEnd('\n');
    }

    /// <summary>Writes a file at once, as the kernel wants its own.</summary>
    public void Write(string file, string text)
    {
        using var opened = OpenFile(file, OpenFlags.O_WRONLY);
        Told(file, () => Syscall.Write(opened, Encoding.UTF8.GetBytes(text)));
    }

    /// <summary>
    /// Removes what is below a group and empty, whatever it is called, and whomever it is closed to: who was given the
    /// group may have made it so.
    /// </summary>
    private static bool RemoveBelow(SafeFileHandle group)
    {
        using var opened = Syscall.OpenEntry(group, ".\0"u8, OpenFlags.O_RDONLY); // to be read from its start
        var reader = new DirectoryReader(opened);
        while (reader.Next() is { IsEmpty: false } found)
        {
            if (reader.IsDirectory)
            {
                var name = found.ToArray();
                TryOn(() =>
                {
                    using var below = OpenUp(opened, name);
                    return RemoveBelow(below) && Syscall.TryRemoveDirectory(opened, name);
                });
            }
        }

        return true;
    }

    /// <summary>No when it is busy; yes when what it is about is gone already.</summary>
    private static bool TryOn(Func<bool> change)
    {
        try
        {
            return change();
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EBUSY)
        {
            return false;
        }
        catch (LinuxException failure) when (failure.Errno is Errno.ENOENT or Errno.ENODEV or Errno.ESRCH)
        {
            return true;
        }
    }

    private SafeFileHandle OpenLock()
    {
        var opened = OpenFile("cgroup.kill", OpenFlags.O_WRONLY);
        if (Interlocked.CompareExchange(ref _lock, opened, null) is not { } first)
        {
            return opened;
        }

        opened.Dispose(); // of two threads at a time, both have what the first opened
        return first;
    }

    /// <summary>Has an error say which file it was about.</summary>
    private T Told<T>(string file, Func<T> call)
    {
        try
        {
            return call();
        }
        catch (LinuxException failure)
        {
            throw new LinuxException(failure.Call, failure.Errno, $"{Path}/{file}");
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _devices?.Dispose();
        _lock?.Dispose();
        _handle.Dispose();
    }
}
