using System.Text;
using ContainerKit.Linux;

namespace ContainerKit;

public sealed partial class Namespace
{
    /// <summary>
    /// Keeps it at a path, as <c>ip netns add</c> does: on a new file there, from which <see cref="Open"/> opens it,
    /// also once no process has it. It stays until <see cref="Unpin"/>, or the machine's end. A pid namespace takes no
    /// process once its PID 1 has ended. For this process's mount namespace, and those that copied it.
    /// </summary>
    /// <exception cref="ArgumentException">The path is not absolute, or holds a NUL character.</exception>
    /// <exception cref="LinuxException">EPERM: only root (CAP_SYS_ADMIN) may mount, others hold the object; EEXIST:
    /// there is something at the path; EINVAL: a mount namespace cannot be pinned within itself, nor where mounts are
    /// passed on to others.</exception>
    public void Pin(string path)
    {
        CheckPath(path);
        var file = File;
        using var place = Syscall.Create(path, 0x180); // 0600
        try
        {
            Syscall.BindMount(Syscall.PathOf(file), Syscall.PathOf(place), path);
        }
        catch
        {
            Syscall.Unlink(path);
            throw;
        }
    }

    /// <summary>Takes away what <see cref="Pin"/> made; who has the namespace otherwise keeps it.</summary>
    /// <exception cref="ArgumentException">No namespace is pinned there.</exception>
    /// <exception cref="LinuxException">There is no such file, or this process may not unmount.</exception>
    public static void Unpin(string path)
    {
        CheckPath(path);
        using var directory = Syscall.Open(Path.GetDirectoryName(path) ?? "/", OpenFlags.O_PATH);
        var name = Path.GetFileName(path);
        using (var pinned = Syscall.OpenChild(directory, name, OpenFlags.O_PATH))
        {
            if (!NamespaceFile.Is(pinned))
            {
                throw new ArgumentException($"No namespace is pinned at '{path}'.", nameof(path));
            }

            Syscall.Unmount(Syscall.PathOf(pinned), path);
        }

        using var place = Syscall.OpenChild(directory, name, OpenFlags.O_PATH);
        if (Syscall.Status(place) is { IsRegularFile: true, Size: 0 })
        {
            Syscall.TryUnlink(directory, Encoding.UTF8.GetBytes(name + '\0'));
        }
    }

    private static void CheckPath(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        if (!path.StartsWith('/') || path.Contains('\0', StringComparison.Ordinal))
        {
            throw new ArgumentException("The path must be absolute, and without NUL.", nameof(path));
        }
    }
}
