using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>
/// Extended attributes; xattr(7). Names end with NUL. What is no open file goes by the path of its descriptor.
/// </summary>
internal static unsafe partial class Syscall
{
    /// <summary>Sets one of an open file; gives the error when it cannot. fsetxattr(2).</summary>
    public static Errno? SetAttribute(SafeFileHandle file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* start = name, valueStart = value)
        {
            return Fsetxattr(file, start, valueStart, (nuint)value.Length, 0) < 0 ? LastError : null;
        }
    }

    /// <summary>
    /// Sets one of what a descriptor only stands for; gives the error when it cannot. setxattr(2).
    /// </summary>
    public static Errno? SetAttributeOfNamed(SafeFileHandle file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        fixed (byte* start = name, valueStart = value)
        {
            return Setxattr(PathOf(file), start, valueStart, (nuint)value.Length, 0) < 0 ? LastError : null;
        }
    }

    /// <summary>Takes one from an open file; false when it has none of the name. fremovexattr(2).</summary>
    public static bool RemoveAttribute(SafeFileHandle file, ReadOnlySpan<byte> name)
    {
        fixed (byte* start = name)
        {
            return Fremovexattr(file, start) >= 0
                || (LastError is Errno.ENODATA or Errno.ENOTSUP ? false : throw Failed("fremovexattr", Text(name)));
        }
    }

    /// <summary>The names of all, each with its NUL; none where there can be none. listxattr(2).</summary>
    public static byte[] ListAttributes(SafeFileHandle file)
    {
        var names = new byte[256];
        while (true)
        {
            fixed (byte* start = names)
            {
                var length = Listxattr(PathOf(file), start, (nuint)names.Length);
                if (length >= 0 || LastError is Errno.ENOTSUP)
                {
                    return names[..(int)Math.Max(0, length)];
                }
            }

            names = LastError is Errno.ERANGE ? new byte[4 * names.Length] : throw Failed("listxattr");
        }
    }

    /// <summary>What one holds; null when there is none of the name. getxattr(2).</summary>
    public static byte[]? ReadAttribute(SafeFileHandle file, ReadOnlySpan<byte> name)
    {
        var value = new byte[64];
        while (true)
        {
            fixed (byte* start = name, valueStart = value)
            {
                var length = Getxattr(PathOf(file), start, valueStart, (nuint)value.Length);
                if (length >= 0)
                {
                    return value[..(int)length];
                }
            }

            if (LastError is Errno.ENODATA or Errno.ENOTSUP)
            {
                return null;
            }

            value = LastError is Errno.ERANGE ? new byte[4 * value.Length] : throw Failed("getxattr", Text(name));
        }
    }

    [LibraryImport("libc", EntryPoint = "fsetxattr", SetLastError = true)]
    private static partial int Fsetxattr(SafeFileHandle file, byte* name, byte* value, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "setxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Setxattr(string path, byte* name, byte* value, nuint size, int flags);

    [LibraryImport("libc", EntryPoint = "fremovexattr", SetLastError = true)]
    private static partial int Fremovexattr(SafeFileHandle file, byte* name);

    [LibraryImport("libc", EntryPoint = "listxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Listxattr(string path, byte* names, nuint size);

    [LibraryImport("libc", EntryPoint = "getxattr", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial nint Getxattr(string path, byte* name, byte* value, nuint size);
}
