using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.TestHost;

/// <summary>
/// A system call that is refused with ENOMEM to a thread, and to what it starts; where there is a first argument, only
/// with that. seccomp(2).
/// </summary>
internal sealed unsafe record CallFilter(uint Number, uint? FirstArgument)
{
    private const ushort Load = 0x20, JumpIfEqual = 0x15, Return = 0x06;
    private const uint Allow = 0x7FFF_0000, RefuseWithENOMEM = 0x0005_000C;

    private static bool IsX64 => RuntimeInformation.ProcessArchitecture is Architecture.X64;

    /// <summary>A file in memory that is made.</summary>
    public static CallFilter MemfdCreate { get; } = new(IsX64 ? 319u : 279, null);

    /// <summary>A file that is written to.</summary>
    public static CallFilter Write { get; } = new(IsX64 ? 18u : 68, null); // pwrite64

    /// <summary>What the launcher maps, at the address it always has.</summary>
    public static CallFilter MapPlan { get; } = new(IsX64 ? 9u : 222, 0x1001_0000); // mmap

    /// <summary>Any call of this architecture's.</summary>
    public static CallFilter Of(string call) =>
        new((uint)SyscallTable.NumberOf(call, RuntimeInformation.ProcessArchitecture)!.Value, null);

    /// <summary>Refuses it to this thread, for good.</summary>
    public void Apply()
    {
        const int PR_SET_SECCOMP = 22, PR_SET_NO_NEW_PRIVS = 38, SECCOMP_MODE_FILTER = 2;
        Instruction[] program =
        [
            new(Load, 0, 0, 0), // the number
            new(JumpIfEqual, 0, 3, Number),
            new(Load, 0, 0, 16), // the lower half of the first argument
            new(JumpIfEqual, 0, (byte)(FirstArgument is null ? 0 : 1), FirstArgument ?? 0),
            new(Return, 0, 0, RefuseWithENOMEM),
            new(Return, 0, 0, Allow),
        ];
        fixed (Instruction* first = program)
        {
            var all = new Program((ushort)program.Length, first);
            if (ThisProcess.Control(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
                || ThisProcess.Control(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, (nint)(&all), 0, 0) < 0)
            {
                throw new InvalidOperationException($"prctl: {Marshal.GetLastPInvokeErrorMessage()}");
            }
        }
    }

    /// <summary>struct sock_filter</summary>
    private readonly record struct Instruction(ushort Code, byte IfTrue, byte IfFalse, uint Value);

    /// <summary>struct sock_fprog</summary>
    private readonly struct Program(ushort length, Instruction* first)
    {
        public readonly ushort Length = length;
        public readonly Instruction* First = first;
    }
}
