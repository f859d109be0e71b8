using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>
/// The filter of an init, which lives as long as the program, in reach of it: whatever it makes of the init, that can
/// only wait, pass on signals, say how the program ended, and end.
/// </summary>
internal static class InitFilter
{
    /// <summary>What the role of launcher.c calls, its last step before that, and what tells that one failed.</summary>
    private static readonly SyscallNumber[] Calls =
    [
        SyscallNumber.rt_sigtimedwait, SyscallNumber.wait4, SyscallNumber.kill, SyscallNumber.write,
        SyscallNumber.exit_group, SyscallNumber.close_range,
    ];

    /// <summary>The filter on this machine.</summary>
    public static byte[] Bytes { get; } = Compile(RuntimeInformation.ProcessArchitecture);

    private static byte[] Compile(Architecture architecture)
    {
        var builder = new FilterBuilder();
        var allow = builder.Return((uint)SeccompReturn.SECCOMP_RET_ALLOW);
        var kill = builder.Return((uint)SeccompReturn.SECCOMP_RET_KILL_PROCESS);
        var next = kill;
        foreach (var call in Calls)
        {
            next = builder.Test(FilterInstruction.IfEqual, call.On(architecture), allow, next);
        }

        SeccompData.Begin(builder, architecture, next, kill);
        return builder.ToBytes();
    }
}
