using static System.FormattableString;

namespace ContainerKit.Linux;

/// <summary>
/// An instruction of the kernel's virtual machine as struct bpf_insn holds it: the operation and the numbers of two
/// registers, an offset, and a value. It prints as the kernel's own listings do.
/// </summary>
internal readonly record struct BpfInstruction(ushort Operation, short Offset, int Value)
{
    private const ushort
        BPF_LDX = 0x01, BPF_ALU = 0x04, BPF_JMP = 0x05, BPF_ALU64 = 0x07, BPF_W = 0x00, BPF_MEM = 0x60, BPF_AND = 0x50,
        BPF_MOV = 0xB0, BPF_JNE = 0x50, BPF_EXIT = 0x90;

    private const ushort
        Loads = BPF_LDX | BPF_W | BPF_MEM, Ands = BPF_ALU | BPF_AND, Sets = BPF_ALU64 | BPF_MOV,
        Jumps = BPF_JMP | BPF_JNE, Exits = BPF_JMP | BPF_EXIT;

    /// <summary>The end of the program, whose result is in the register 0.</summary>
    public static readonly BpfInstruction Exit = new(Exits, 0, 0);

    /// <summary>Reads 32 bits of the memory that another register points to.</summary>
    public static BpfInstruction Load(int register, int pointer, short offset) =>
        new((ushort)(Loads | (register << 8) | (pointer << 12)), offset, 0);

    /// <summary>Clears the bits that a mask has not, and the upper 32.</summary>
    public static BpfInstruction And(int register, uint mask) => On(Ands, register, (int)mask);

    /// <summary>Sets a register.</summary>
    public static BpfInstruction Set(int register, int value) => On(Sets, register, value);

    /// <summary>Passes over the next <paramref name="count"/> instructions unless a register has a value.</summary>
    public static BpfInstruction SkipUnless(int register, int value, int count) =>
        On(Jumps, register, value) with { Offset = checked((short)count) };

    /// <inheritdoc/>
    public override string ToString()
    {
        var (register, pointer) = ((Operation >> 8) & 0xF, Operation >> 12);
        return (Operation & 0xFF) switch
        {
            Loads => Invariant($"r{register} = *(u32 *)(r{pointer} +{Offset})"),
            Ands => Invariant($"w{register} &= 0x{Value:x}"),
            Sets => Invariant($"r{register} = {Value}"),
            Jumps => Invariant($"if r{register} != {Value} goto +{Offset}"),
            _ => "exit",
        };
    }

    private static BpfInstruction On(ushort operation, int register, int value) =>
        new((ushort)(operation | (register << 8)), 0, value);
}
