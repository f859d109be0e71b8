using System.Runtime.InteropServices;
using ContainerKit.Linux;
using CsCheck;

namespace ContainerKit.Tests.Security;

/// <summary>A filter answers what the rules say, whatever the profile, the call and its arguments are.</summary>
public class SeccompCompilerTests
{
    private static readonly SeccompTarget
        X64 = new(Architecture.X64, [Capability.CAP_SYS_ADMIN], new(6, 1)),
        Arm64 = new(Architecture.Arm64, [Capability.CAP_SYS_ADMIN], new(6, 1));

    private static readonly string[] Calls =
    [
        "read", "write", "open", "close", "stat", "socket", "ioctl", "clone", "personality", "mmap", "pidfd_open", "futex",
        "file_setattr", "cachestat", "exit_group", "execve", "sync_file_range2", "no_such_call",
    ];

    private static readonly ulong[] Values =
    [
        0, 1, 2, 0x26, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFF, 0x1_0000_0000, 0x1_0000_0026, 0xFFFF_FFFF_0000_0000,
        0x7FFF_FFFF_FFFF_FFFF, 0x8000_0000_0000_0000, ulong.MaxValue,
    ];

    private static readonly Gen<SeccompAction> Action = Any(
        SeccompAction.Allow, SeccompAction.Errno(Errno.EPERM), SeccompAction.Errno(Errno.ENOSYS),
        SeccompAction.Errno((Errno)4095), SeccompAction.KillProcess, SeccompAction.KillThread, SeccompAction.Trap,
        SeccompAction.Log);

    private static readonly Gen<ulong> Value = Gen.OneOf(Any(Values), Gen.ULong);

    private static readonly Gen<SeccompArgument> Argument = Gen.Select(
        Gen.Int[0, 5], Gen.Enum<SeccompComparison>(), Value, Gen.OneOf(Gen.Const(ulong.MaxValue), Value),
        (index, comparison, value, mask) => new SeccompArgument(index, comparison, value & mask) { Mask = mask });

    private static readonly Gen<SeccompRule> Rule = Gen.Select(
        Any(Calls).Array[1, 4], Action, Argument.Array[0, 3], Gen.Int[0, 9],
        (calls, action, arguments, when) => new SeccompRule(calls, action)
        {
            Arguments = when < 3 ? [] : arguments,
            Architecture = when == 4 ? Architecture.Arm64 : null,
            Capabilities = when == 5 ? [Capability.CAP_SYS_ADMIN] : when == 6 ? [Capability.CAP_CHOWN] : [],
            WithoutCapabilities = when == 7 ? [Capability.CAP_SYS_ADMIN] : [],
            MinimumKernel = when == 8 ? new(6, 2) : null,
            BelowKernel = when == 9 ? new(6, 1) : null,
        });

    private static readonly Gen<SeccompProfile> Profile = Gen.Select(
        Action, Rule.Array[0, 12], Gen.Bool, Gen.Int[0, 9],
        (action, rules, isParsed, mode) => new SeccompProfile
        {
            DefaultAction = action,
            Rules = rules,
            IsParsed = isParsed,
            LogOnly = mode == 0,
        });

    [Fact]
    public void A_filter_answers_what_the_rules_say_to_every_call() =>
        Gen.Select(Profile, Gen.Bool, Gen.UInt).Sample(
            (profile, isX64, seed) => Compare(profile, isX64 ? X64 : Arm64, seed),
            iter: Layers.TarDamageTests.IsSoak ? 100_000 : 300);

    [Fact]
    public void The_profiles_of_the_library_do_too()
    {
        foreach (var profile in new[] { SeccompProfile.Default, SeccompProfile.Plugin })
        {
            foreach (var target in new[] { X64, Arm64, new(Architecture.X64, CapabilitySet.None), new(Architecture.X64, CapabilitySet.All) })
            {
                Compare(profile, target, 1);
                Compare(profile with { LogOnly = true }, target, 1);
            }
        }
    }

    [Fact]
    public void A_profile_of_many_rules_leads_everywhere()
    {
        // All that can be a condition for itself, so that jumps are long.
        var rules = SyscallTable.Names.Select((name, i) => new SeccompRule([name], SeccompAction.Errno((Errno)(i % 100)))
        {
            Arguments = [new(i % 6, SeccompComparison.Greater, (ulong)i << 30)],
        });
        var profile = new SeccompProfile { DefaultAction = SeccompAction.Allow, Rules = [.. rules] };

        Compare(profile, X64, 1);
        Compare(profile, Arm64, 1);
    }

    [Fact]
    public void A_profile_that_is_too_long_for_the_kernel_is_refused()
    {
        var profile = new SeccompProfile
        {
            DefaultAction = SeccompAction.Allow,
            Rules = [.. Enumerable.Range(0, 1024).Select(i => new SeccompRule(["ioctl"], SeccompAction.Trap)
            {
                Arguments = [new(i % 2, SeccompComparison.Less, (ulong)i << 31), new(2, SeccompComparison.Equal, (ulong)i)],
            })],
        };

        var refused = Assert.Throws<ArgumentException>(() => SeccompCompiler.Compile(new(profile, X64)));
        Assert.Contains("4096", refused.Message, StringComparison.Ordinal);

        var longer = profile with { Rules = [.. profile.Rules, .. profile.Rules] };
        Assert.Throws<ArgumentException>(() => SeccompFilter.Compile(longer, X64));
    }

    private static void Compare(SeccompProfile profile, SeccompTarget target, uint seed)
    {
        var filter = SeccompCompiler.Compile(new(profile, target));
        var machine = new FilterMachine(filter);
        var own = target.Architecture == Architecture.X64 ? 0xC000003E : 0xC00000B7;
        var random = new Random((int)seed);
        var values = profile.Rules.SelectMany(rule => rule.Arguments).Take(50)
            .SelectMany(said => new[] { said.Value, said.Value - 1, said.Value + 1, said.Value | ~said.Mask, ~said.Value })
            .Concat(Values).ToArray();
        var conditional = profile.Rules.Where(rule => rule.Arguments.Count > 0).SelectMany(rule => rule.Calls)
            .Select(name => SyscallTable.NumberOf(name, target.Architecture)).ToHashSet();
        uint[] numbers =
        [
            .. Enumerable.Range(0, SyscallTable.Newest(target.Architecture) + 3).Select(number => (uint)number),
            1000, 0x3FFFFFFF, 0x40000000, 0x40000001, 0x7FFFFFFF, 0x80000000, uint.MaxValue,
        ];
        var naive = new NaiveProfile(profile, target);
        Assert.Equal(naive.AskForeign().Value, machine.Run(0x40000003, 0).Answer);
        foreach (var number in numbers)
        {
            for (var i = conditional.Contains((int)number) ? 40 : 1; i > 0; i--)
            {
                var arguments = Enumerable.Range(0, 6).Select(_ => values[random.Next(values.Length)]).ToArray();
                var (expected, answer) = (naive.Ask(number, arguments), machine.Run(own, number, arguments).Answer);
                if (expected.Value != answer)
                {
                    Assert.Fail(
                        $"{number}({string.Join(", ", arguments.Select(value => $"0x{value:x}"))}): {SeccompAction.Of(answer)} "
                            + $"and not {expected}\n{profile}\n{SeccompListing.Of(filter, [])}");
                }
            }
        }
    }

    private static Gen<T> Any<T>(params T[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);
}
