using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <content>Programs in the kernel that decide on the devices of a cgroup; bpf(2).</content>
internal static unsafe partial class Syscall
{
    /// <summary>Loads a program, which the kernel lists by a name of at most 15 letters and digits.</summary>
    public static SafeFileHandle LoadDeviceProgram(ReadOnlySpan<BpfInstruction> instructions, string name)
    {
        var load = new BpfLoad { Type = BpfProgramType.BPF_PROG_TYPE_CGROUP_DEVICE, Count = (uint)instructions.Length };
        Encoding.ASCII.GetBytes(name, new Span<byte>(load.Name, BpfLoad.NameSize - 1));
        fixed (BpfInstruction* first = instructions)
        fixed (byte* licence = "MIT\0"u8)
        {
            (load.Instructions, load.Licence) = ((ulong)first, (ulong)licence);
            nint loaded;
            do
            {
                // The kernel gives up its check of the program when a signal comes, as the runtime sends itself.
                loaded = Bpf(BpfCommand.BPF_PROG_LOAD, &load, sizeof(BpfLoad));
            }
            while (loaded < 0 && LastError is Errno.EAGAIN);
            return Handle(loaded, BpfName);
        }
    }

    /// <summary>
    /// Has a program decide on a group's devices beside those of others, and at once instead of another, if given.
    /// </summary>
    public static void AttachDeviceProgram(
        SafeFileHandle group, SafeFileHandle program, SafeFileHandle? replaced, string path)
    {
        var attach = new BpfAttach
        {
            Target = Number(group),
            Program = Number(program),
            Type = BpfAttachType.BPF_CGROUP_DEVICE,
            Flags = BpfAttachFlags.BPF_F_ALLOW_MULTI | (replaced is null ? 0 : BpfAttachFlags.BPF_F_REPLACE),
            Replaced = replaced is null ? 0 : Number(replaced),
        };
        Check(Bpf(BpfCommand.BPF_PROG_ATTACH, &attach, sizeof(BpfAttach)), BpfName, path);
    }

    /// <summary>Has a program decide no more.</summary>
    public static void DetachDeviceProgram(SafeFileHandle group, SafeFileHandle program, string path)
    {
        var attach = new BpfAttach
        {
            Target = Number(group),
            Program = Number(program),
            Type = BpfAttachType.BPF_CGROUP_DEVICE,
        };
        Check(Bpf(BpfCommand.BPF_PROG_DETACH, &attach, sizeof(BpfAttach)), BpfName, path);
    }

    /// <summary>The ids of the programs that decide on a group's devices, without those of the groups above.</summary>
    public static uint[] DeviceProgramsOf(SafeFileHandle group, string path)
    {
        const int most = 64; // the kernel attaches no more
        var ids = stackalloc uint[most];
        var query = new BpfQuery
        {
            Target = Number(group),
            Type = BpfAttachType.BPF_CGROUP_DEVICE,
            Ids = (ulong)ids,
            Count = most,
        };
        Check(Bpf(BpfCommand.BPF_PROG_QUERY, &query, sizeof(BpfQuery)), BpfName, path);
        return new Span<uint>(ids, (int)query.Count).ToArray();
    }

    /// <summary>Opens a program by its id; null when it is gone.</summary>
    public static SafeFileHandle? OpenProgram(uint id)
    {
        var open = new BpfOpen { Id = id };
        var opened = Bpf(BpfCommand.BPF_PROG_GET_FD_BY_ID, &open, sizeof(BpfOpen));
        return opened < 0 && LastError is Errno.ENOENT ? null : Handle(opened, BpfName);
    }

    /// <summary>The id of a program, and the name that it was loaded with.</summary>
    public static (uint Id, string Name) InfoOf(SafeFileHandle program)
    {
        var info = new BpfProgramInfo();
        var ask = new BpfAsk
        {
            Program = Number(program),
            Length = (uint)sizeof(BpfProgramInfo),
            Info = (ulong)(&info),
        };
        Check(Bpf(BpfCommand.BPF_OBJ_GET_INFO_BY_FD, &ask, sizeof(BpfAsk)), BpfName);
        return (info.Id, Encoding.ASCII.GetString(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(info.Name)));
    }

    private const string BpfName = "bpf";

    private static nint Bpf(BpfCommand command, void* attributes, nint size) =>
        Call(SyscallNumber.bpf.Here, (nint)command, (nint)attributes, size, 0);
}

/// <summary>What bpf(2) is to do.</summary>
internal enum BpfCommand
{
    BPF_PROG_LOAD = 5,
    BPF_PROG_ATTACH = 8,
    BPF_PROG_DETACH = 9,
    BPF_PROG_GET_FD_BY_ID = 13,
    BPF_OBJ_GET_INFO_BY_FD = 15,
    BPF_PROG_QUERY = 16,
}

/// <summary>What a program is for.</summary>
internal enum BpfProgramType : uint
{
    BPF_PROG_TYPE_CGROUP_DEVICE = 15,
}

/// <summary>Where a program is attached.</summary>
internal enum BpfAttachType : uint
{
    BPF_CGROUP_DEVICE = 6,
}

/// <summary>How a program is attached.</summary>
[Flags]
internal enum BpfAttachFlags : uint
{
    None = 0,
    BPF_F_ALLOW_MULTI = 2,
    BPF_F_REPLACE = 4,
}

/// <summary>The attributes of BPF_PROG_LOAD.</summary>
internal unsafe struct BpfLoad
{
    public const int NameSize = 16;

    public BpfProgramType Type;
    public uint Count;
    public ulong Instructions, Licence;
    public uint LogLevel, LogSize;
    public ulong Log;
    public uint KernelVersion, Flags;
    public fixed byte Name[NameSize];
}

/// <summary>The attributes of BPF_PROG_ATTACH and BPF_PROG_DETACH.</summary>
internal struct BpfAttach
{
    public int Target, Program;
    public BpfAttachType Type;
    public BpfAttachFlags Flags;
    public int Replaced;
}

/// <summary>The attributes of BPF_PROG_QUERY.</summary>
internal struct BpfQuery
{
    public int Target;
    public BpfAttachType Type;
    public uint Flags, AttachFlags;
    public ulong Ids;
    public uint Count;
}

/// <summary>The attributes of BPF_PROG_GET_FD_BY_ID.</summary>
internal struct BpfOpen
{
    public uint Id, NextId, Flags;
}

/// <summary>The attributes of BPF_OBJ_GET_INFO_BY_FD.</summary>
internal struct BpfAsk
{
    public int Program;
    public uint Length;
    public ulong Info;
}

/// <summary>What the kernel says of a program.</summary>
[StructLayout(LayoutKind.Explicit, Size = 80)]
internal unsafe struct BpfProgramInfo
{
    [FieldOffset(0)]
    public BpfProgramType Type;

    [FieldOffset(4)]
    public uint Id;

    [FieldOffset(64)]
    public fixed byte Name[BpfLoad.NameSize];
}
