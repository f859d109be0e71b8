using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The names of namespaces as files, and how they are opened; namespaces(7).</summary>
internal static class NamespaceFile
{
    /// <summary>The eight kinds, and their names below /proc/PID/ns.</summary>
    public static readonly IReadOnlyDictionary<NamespaceKinds, string> Names =
        NamespaceName.All.ToDictionary(known => (NamespaceKinds)known.Kind, known => known.Name);

    /// <summary>The device that all files of namespaces have, and no other file.</summary>
    private static readonly ulong Device = DeviceOf(Syscall.Status("/proc/self/ns/user"));

    /// <summary>The identity of a namespace's file.</summary>
    public static NamespaceId IdOf(SafeFileHandle file)
    {
        var status = Syscall.Status(file);
        return new(DeviceOf(status), status.Inode);
    }

    /// <summary>Whether an open file is a namespace's.</summary>
    public static bool Is(SafeFileHandle file) => IdOf(file).Device == Device;

    /// <summary>
    /// Opens a path that must be a namespace's. Nothing else is opened: to open a device or a FIFO does something.
    /// </summary>
    public static SafeFileHandle Open(string path)
    {
        using var place = Syscall.Open(path, OpenFlags.O_PATH);
        return Is(place)
            ? Syscall.Open(Syscall.PathOf(place), OpenFlags.O_RDONLY)
            : throw new ArgumentException(
                $"'{path}' is no namespace: neither a file of /proc/PID/ns, nor one that a namespace is pinned to.",
                nameof(path));
    }

    private static ulong DeviceOf(in FileStatus status) =>
        ((ulong)status.FileSystemMajor << 32) | status.FileSystemMinor;
}
