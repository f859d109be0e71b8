using System.Buffers.Binary;
using static System.FormattableString;

namespace ContainerKit.Linux;

/// <summary>
/// An instruction of a filter of system calls; struct sock_filter: the operation, how many instructions a test passes
/// over where it holds and where it does not, and a value. It prints as listings of such filters do.
/// </summary>
internal readonly record struct FilterInstruction(ushort Operation, byte IfTrue, byte IfFalse, uint Value)
{
    private const ushort
        BPF_LD = 0x00, BPF_W = 0x00, BPF_ABS = 0x20, BPF_ALU = 0x04, BPF_AND = 0x50, BPF_JMP = 0x05, BPF_JA = 0x00,
        BPF_JEQ = 0x10, BPF_JGT = 0x20, BPF_JGE = 0x30, BPF_RET = 0x06;

    /// <summary>Operations, all with a value in the instruction.</summary>
    public const ushort
        Loads = BPF_LD | BPF_W | BPF_ABS, Ands = BPF_ALU | BPF_AND, Goes = BPF_JMP | BPF_JA,
        IfEqual = BPF_JMP | BPF_JEQ, IfGreater = BPF_JMP | BPF_JGT, IfAtLeast = BPF_JMP | BPF_JGE, Returns = BPF_RET;

    /// <summary>How many bytes it has.</summary>
    public const int Size = sizeof(ulong);

    /// <summary>The instruction with a number in a filter.</summary>
    public static FilterInstruction In(ReadOnlySpan<byte> filter, int number)
    {
        var bits = BinaryPrimitives.ReadUInt64LittleEndian(filter[(number * Size)..]);
        return new((ushort)bits, (byte)(bits >> 16), (byte)(bits >> 24), (uint)(bits >> 32));
    }

    /// <summary>The instruction as the kernel reads it.</summary>
    public ulong Encode() => Operation | ((ulong)IfTrue << 16) | ((ulong)IfFalse << 24) | ((ulong)Value << 32);

    /// <inheritdoc/>
    public override string ToString() => Operation switch
    {
        Loads => Invariant($"ld [{Value}]"),
        Ands => Invariant($"and #0x{Value:x}"),
        Goes => Invariant($"ja +{Value}"),
        IfEqual => Test("jeq"),
        IfGreater => Test("jgt"),
        IfAtLeast => Test("jge"),
        Returns => Invariant($"ret #0x{Value:x8}"),
        _ => Invariant($"0x{Operation:x2} #0x{Value:x}, +{IfTrue}, +{IfFalse}"),
    };

    private string Test(string name) => Invariant($"{name} #0x{Value:x}, +{IfTrue}, +{IfFalse}");
}
