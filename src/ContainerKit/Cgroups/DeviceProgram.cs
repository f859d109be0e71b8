using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Rules as the program that version 2 asks about a device: 1 is yes, 0 no.</summary>
internal static class DeviceProgram
{
    /// <summary>Where struct bpf_cgroup_dev_ctx, which the register 1 points to, has what is asked.</summary>
    public const short AccessAndKind = 0, Major = 4, Minor = 8;

    private const int Result = 0, Question = 1, Value = 2, AccessShift = 16;

    /// <summary>The instructions, rule after rule, until one of them allows it all.</summary>
    public static BpfInstruction[] Compile(DeviceRules rules) =>
    [
        .. rules.Each().SelectMany(Compile),
        BpfInstruction.Set(Result, 0),
        BpfInstruction.Exit,
    ];

    private static List<BpfInstruction> Compile(DeviceRule rule)
    {
        // What is asked for beyond the rule stays beside the kind, and makes it another. Each rule reads anew, so that
        // to the kernel's verifier all ways to the next one are the same; it would follow each of them otherwise.
        var size = 5 + (rule.Major is null ? 0 : 2) + (rule.Minor is null ? 0 : 2);
        List<BpfInstruction> instructions = [];
        Read(AccessAndKind);
        instructions.Add(BpfInstruction.And(Value, ~((uint)rule.Access << AccessShift)));
        LeaveUnless((int)rule.Kind);
        if (rule.Major is { } major)
        {
            Read(Major);
            LeaveUnless(major);
        }

        if (rule.Minor is { } minor)
        {
            Read(Minor);
            LeaveUnless(minor);
        }

        return [.. instructions, BpfInstruction.Set(Result, 1), BpfInstruction.Exit];

        void Read(short from) => instructions.Add(BpfInstruction.Load(Value, Question, from));

        void LeaveUnless(int wanted) =>
            instructions.Add(BpfInstruction.SkipUnless(Value, wanted, size - instructions.Count - 1));
    }
}
