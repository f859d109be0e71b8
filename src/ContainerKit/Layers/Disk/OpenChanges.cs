using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The changes of a writable layer while a container is on it: its lock, and its disk where it has one, which stays
/// mounted here, so that what looks into it does not mount it each time. Disposing gives both up.
/// </summary>
internal sealed class OpenChanges(LockedFile taken, LoopDevice? disk) : IDisposable
{
    private SafeFileHandle? _mounted;

    /// <summary>The lock, which the supervisor holds, too.</summary>
    public SafeFileHandle Lease => taken.Handle;

    /// <summary>The name of the disk.</summary>
    public string? Disk => disk?.Path;

    /// <summary>Opens what the disk holds, which is the caller's to dispose.</summary>
    public SafeFileHandle OpenDisk() =>
        Syscall.Duplicate(_mounted ??= LimitedDisk.Mount(disk!, readOnly: true), least: 0);

    /// <inheritdoc/>
    public void Dispose()
    {
        _mounted?.Dispose();
        disk?.Dispose();
        taken.Dispose();
    }
}
