using System.Globalization;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A disk of the kernel's that is a file. It goes by itself with the last process that has it open and the last mount,
/// however these end.
/// </summary>
internal sealed class LoopDevice : IDisposable
{
    private const string Control = "/dev/loop-control";
    private const int MostTries = 100;

    private readonly SafeFileHandle _open;

    private LoopDevice(int number, SafeFileHandle open) => (Number, _open) = (number, open);

    /// <summary>Which of them it is.</summary>
    public int Number { get; }

    /// <summary>Its name.</summary>
    public string Path => PathOf(Number);

    /// <summary>Makes one of a file. There must be none of it yet: the kernel would take them for two disks.</summary>
    public static LoopDevice Attach(SafeFileHandle file)
    {
        using var control = Syscall.Open(Control, OpenFlags.O_RDWR);
        for (var tries = 0; ; tries++)
        {
            var number = Syscall.FindFreeLoop(control);
            using var device = Syscall.Open(PathOf(number), OpenFlags.O_RDWR);

            // Not by way of the memory that caches files: what is on the disk would be in there twice.
            switch (Syscall.ConfigureLoop(
                device, file, Ext4Layout.BlockSize, LoopFlags.LO_FLAGS_AUTOCLEAR | LoopFlags.LO_FLAGS_DIRECT_IO))
            {
                case null:
                    // Only to be held: what is open to be written to can be refused to be mounted.
                    return new(number, Syscall.Open(PathOf(number), OpenFlags.O_RDONLY));
                case Errno.EBUSY when tries < MostTries:
                    break; // another was faster
                case var refused:
                    throw new LinuxException("ioctl", refused.Value, PathOf(number), "It can show no file.");
            }
        }
    }

    /// <summary>The one with a number, if it is of a file; null otherwise.</summary>
    public static LoopDevice? TryFind(int number, SafeFileHandle file)
    {
        SafeFileHandle open;
        try
        {
            open = Syscall.Open(PathOf(number), OpenFlags.O_RDONLY);
        }
        catch (LinuxException other) when (other.Errno is Errno.ENXIO or Errno.ENOENT or Errno.EBUSY)
        {
            return null; // it is going, or gone
        }

        if (Syscall.IsLoopOf(open, Syscall.Status(file)))
        {
            return new(number, open);
        }

        open.Dispose();
        return null;
    }

    /// <inheritdoc/>
    public void Dispose() => _open.Dispose();

    private static string PathOf(int number) => string.Create(CultureInfo.InvariantCulture, $"/dev/loop{number}");
}
