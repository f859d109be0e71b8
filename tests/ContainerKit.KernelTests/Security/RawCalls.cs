using System.Globalization;
using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Security;

/// <summary>System calls that Python makes by their numbers, and why each failed.</summary>
internal static class RawCalls
{
    /// <summary>A program that prints an errno for each call, 0 for one that succeeds.</summary>
    public static string[] Command(params (string Call, ulong[] Arguments)[] calls)
    {
        // All six: what is left out is what a register happens to hold.
        var list = calls.Select(call =>
            $"({Number(call.Call)}, {string.Join(", ", call.Arguments.Concat(new ulong[6]).Take(6))})");
        return
        [
            "/usr/bin/python3", "-I", "-c",
            $"""
            import ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            libc.syscall.restype = ctypes.c_long
            for call in [{string.Join(", ", list)}]:
                result = libc.syscall(*[ctypes.c_ulong(number) for number in call])
                print(ctypes.get_errno() if result < 0 else 0)
            """,
        ];
    }

    /// <summary>The errnos of these calls in a container.</summary>
    public static async Task<Errno[]> ErrnosAsync(
        SeccompProfile? profile, params (string Call, ulong[] Arguments)[] calls) =>
        Errnos(await Script.OutputAsync(new ContainerOptions { Command = Command(calls), Seccomp = profile }));

    /// <summary>What the program printed.</summary>
    public static Errno[] Errnos(string output) =>
        [.. output.Trim().Split('\n').Select(line => (Errno)int.Parse(line, CultureInfo.InvariantCulture))];

    private static int Number(string call) => SyscallTable.NumberOf(call, RuntimeInformation.ProcessArchitecture)!.Value;
}
