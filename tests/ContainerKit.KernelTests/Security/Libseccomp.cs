using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.KernelTests.Security;

/// <summary>The library that container engines compile their profiles with; seccomp_init(3).</summary>
internal static unsafe class Libseccomp
{
    private const string Library = "libseccomp.so.2";

    private const uint Native = 0, X64 = 0xC000003E, Arm64 = 0xC00000B7;

    private const int CTL_OPTIMIZE = 8, BinaryTree = 2;

    /// <summary>
    /// The filter that it makes of the same rules, by its binary tree; as runc does, which leaves out names it does not
    /// know and rules for what is the default.
    /// </summary>
    public static byte[] Compile(SeccompProfile profile, SeccompTarget target)
    {
        var context = Make(profile.DefaultAction.Value);
        try
        {
            if (target.Architecture != RuntimeInformation.ProcessArchitecture)
            {
                Check(AddArchitecture(context, target.Architecture is Architecture.X64 ? X64 : Arm64));
                Check(RemoveArchitecture(context, Native));
            }

            Check(SetAttribute(context, CTL_OPTIMIZE, BinaryTree));
            foreach (var rule in profile.Rules.Where(rule => target.Meets(rule) && rule.Action != profile.DefaultAction))
            {
                Add(context, rule);
            }

            return Export(context);
        }
        finally
        {
            Release(context);
        }
    }

    private static void Add(nint context, SeccompRule rule)
    {
        Condition[] conditions = [.. rule.Arguments.Select(argument => new Condition(
            (uint)argument.Index, Operator(argument), argument.Mask == ulong.MaxValue ? argument.Value : argument.Mask,
            argument.Value))];
        foreach (var name in rule.Calls)
        {
            var number = Resolve(name);
            if (number != -1)
            {
                fixed (Condition* first = conditions)
                {
                    Check(AddRule(context, rule.Action.Value, number, (uint)conditions.Length, first));
                }
            }
        }
    }

    private static int Operator(SeccompArgument argument) => argument switch
    {
        { Mask: not ulong.MaxValue, Comparison: SeccompComparison.Equal } => 7,
        { Mask: not ulong.MaxValue } => throw new NotSupportedException($"{argument}"),
        { Comparison: SeccompComparison.NotEqual } => 1,
        { Comparison: SeccompComparison.Less } => 2,
        { Comparison: SeccompComparison.LessOrEqual } => 3,
        { Comparison: SeccompComparison.Equal } => 4,
        { Comparison: SeccompComparison.GreaterOrEqual } => 5,
        _ => 6,
    };

    private static byte[] Export(nint context)
    {
        using var temp = new TempDirectory();
        using (var file = File.OpenHandle(temp["filter"], FileMode.Create, FileAccess.Write))
        {
            Check(ExportTo(context, file));
        }

        return File.ReadAllBytes(temp["filter"]);
    }

    private static void Check(int result) => Assert.True(result == 0, $"libseccomp: {(Errno)(-result)}");

    [DllImport(Library, EntryPoint = "seccomp_init")]
    private static extern nint Make(uint defaultAction);

    [DllImport(Library, EntryPoint = "seccomp_release")]
    private static extern void Release(nint context);

    [DllImport(Library, EntryPoint = "seccomp_arch_add")]
    private static extern int AddArchitecture(nint context, uint architecture);

    [DllImport(Library, EntryPoint = "seccomp_arch_remove")]
    private static extern int RemoveArchitecture(nint context, uint architecture);

    [DllImport(Library, EntryPoint = "seccomp_attr_set")]
    private static extern int SetAttribute(nint context, int attribute, uint value);

    [DllImport(Library, EntryPoint = "seccomp_syscall_resolve_name", CharSet = CharSet.Ansi, BestFitMapping = false,
        ThrowOnUnmappableChar = true)]
    private static extern int Resolve(string name);

    [DllImport(Library, EntryPoint = "seccomp_rule_add_array")]
    private static extern int AddRule(nint context, uint action, int number, uint count, Condition* conditions);

    [DllImport(Library, EntryPoint = "seccomp_export_bpf")]
    private static extern int ExportTo(nint context, SafeFileHandle file);

    /// <summary>struct scmp_arg_cmp</summary>
    private readonly record struct Condition(uint Index, int Operator, ulong First, ulong Second);
}
