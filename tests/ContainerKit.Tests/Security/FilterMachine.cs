using System.Runtime.InteropServices;

namespace ContainerKit.Tests.Security;

/// <summary>
/// The kernel's machine for filters of system calls, written from its documentation: it refuses what the kernel does,
/// and counts what it executes.
/// </summary>
internal sealed class FilterMachine
{
    private const ushort Load = 0x20, And = 0x54, Go = 0x05, IfEqual = 0x15, IfGreater = 0x25, IfAtLeast = 0x35,
        IfAny = 0x45, Return = 0x06;

    private const int Most = 4096, SizeOfData = 64;

    private readonly (ushort Operation, byte IfTrue, byte IfFalse, uint Value)[] _instructions;

    /// <summary>A filter as struct sock_filter has it.</summary>
    public FilterMachine(ReadOnlySpan<byte> filter)
    {
        var raw = MemoryMarshal.Cast<byte, ulong>(filter);
        _instructions = new (ushort, byte, byte, uint)[raw.Length];
        for (var i = 0; i < raw.Length; i++)
        {
            _instructions[i] = ((ushort)raw[i], (byte)(raw[i] >> 16), (byte)(raw[i] >> 24), (uint)(raw[i] >> 32));
        }

        Check();
    }

    /// <summary>How many instructions there are.</summary>
    public int Length => _instructions.Length;

    /// <summary>What it answers to a call, and by how many instructions.</summary>
    public (uint Answer, int Executed) Run(uint table, uint number, params ReadOnlySpan<ulong> arguments)
    {
        var data = new byte[SizeOfData];
        MemoryMarshal.Write(data, number);
        MemoryMarshal.Write(data.AsSpan(4), table);
        MemoryMarshal.AsBytes(arguments).CopyTo(data.AsSpan(16));
        var accumulator = 0U;
        for (int i = 0, executed = 1; ; i++, executed++)
        {
            var (operation, ifTrue, ifFalse, value) = _instructions[i];
            switch (operation)
            {
                case Return:
                    return (value, executed);
                case Load:
                    accumulator = MemoryMarshal.Read<uint>(data.AsSpan((int)value));
                    break;
                case And:
                    accumulator &= value;
                    break;
                case Go:
                    i += (int)value;
                    break;
                default:
                    i += Holds(operation, accumulator, value) ? ifTrue : ifFalse;
                    break;
            }
        }
    }

    private static bool Holds(ushort operation, uint accumulator, uint value) => operation switch
    {
        IfEqual => accumulator == value,
        IfGreater => accumulator > value,
        IfAtLeast => accumulator >= value,
        _ => (accumulator & value) != 0,
    };

    /// <summary>What the kernel checks when a filter is installed.</summary>
    private void Check()
    {
        Require(Length is >= 1 and <= Most, $"{Length} instructions are none, or too many.");
        Require(_instructions[^1].Operation == Return, "It does not end.");
        for (var i = 0; i < Length; i++)
        {
            var (operation, ifTrue, ifFalse, value) = _instructions[i];
            var rest = (uint)(Length - i - 1);
            Require(
                operation switch
                {
                    Load => value < SizeOfData && value % 4 == 0,
                    Go => value < rest,
                    IfEqual or IfGreater or IfAtLeast or IfAny => ifTrue < rest && ifFalse < rest,
                    And or Return => true,
                    _ => false,
                },
                $"Instruction {i} of {Length} is none, or leads out: {_instructions[i]}.");
        }

        static void Require(bool holds, string complaint)
        {
            if (!holds)
            {
                throw new InvalidOperationException(complaint);
            }
        }
    }
}
