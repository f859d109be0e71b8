using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>A part of a plan on its way to a launcher, with the descriptors that the part calls by number.</summary>
internal static class PartMessage
{
    /// <summary>A longer one goes as a file; MESSAGE_SIZE of launcher.c.</summary>
    public const int Most = 0x10000;

    /// <summary>
    /// Sends it; false when nobody can receive it any more, or too many descriptors are on their way.
    /// </summary>
    public static bool Send(
        SafeFileHandle setup, ReadOnlySpan<byte> part, params ReadOnlySpan<SafeFileHandle> descriptors)
    {
        try
        {
            if (part.Length <= Most)
            {
                return Syscall.Send(setup, part, descriptors);
            }
        }
        catch (LinuxException full) when (full.Errno is Errno.EMSGSIZE)
        {
            // net.core.wmem_default is less here than it usually is.
        }

        using var file = Syscall.MemfdCreate("part", MemfdFlags.MFD_CLOEXEC);
        Syscall.WriteWhole(file, part);
        return Syscall.Send(setup, MemoryMarshal.AsBytes([(ulong)part.Length]), [.. descriptors, file]);
    }
}
