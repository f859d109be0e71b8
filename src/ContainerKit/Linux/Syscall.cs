using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;


namespace ContainerKit.Linux;

/// <summary>System calls the host makes itself: each a private import and a wrapper that checks and throws.</summary>
internal static unsafe partial class Syscall
{
    private static nint Check(nint result, string call, string? path = null) =>
        result >= 0 ? result : throw Failed(call, path);

    private static LinuxException Failed(string call, string? path = null) => new(call, LastError, path);

    private static Errno LastError => (Errno)Marshal.GetLastPInvokeError();

    private static SafeFileHandle Handle(nint result, string call, string? path = null) =>
        new(Check(result, call, path), ownsHandle: true);
}
