using System.Runtime.InteropServices;

namespace ContainerKit.Linux;

/// <summary>Where a filter finds what it is asked; struct seccomp_data.</summary>
internal static class SeccompData
{
    /// <summary>The call's number, the architecture whose table it is in, and its six arguments of 64 bits.</summary>
    public const int Number = 0, Table = 4, Arguments = 16;

    /// <summary>
    /// Begins a filter: goes on with the number read, or elsewhere when it is from another architecture's table.
    /// </summary>
    public static void Begin(FilterBuilder builder, Architecture architecture, int next, int foreign)
    {
        var own = architecture is Architecture.X64
            ? AuditArchitecture.AUDIT_ARCH_X86_64 : AuditArchitecture.AUDIT_ARCH_AARCH64;
        next = builder.Load(Number, next);
        builder.Load(Table, builder.Test(FilterInstruction.IfEqual, (uint)own, next, foreign));
    }
}
