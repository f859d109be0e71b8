using System.Runtime.InteropServices;
using ContainerKit.Linux;
using ContainerKit.Tests.Security;

namespace ContainerKit.KernelTests.Security;

/// <summary>Our filters against those that container engines' library makes of the same rules.</summary>
[Trait(Tools.Needs, Tools.Self)]
public class LibseccompTests
{
    // What strace counts most in servers, builds, and runtimes.
    private static readonly string[] Frequent =
    [
        "read", "write", "futex", "close", "openat", "newfstatat", "fstat", "lseek", "mmap", "munmap", "mprotect",
        "rt_sigaction", "rt_sigprocmask", "ioctl", "fcntl", "recvmsg", "sendmsg", "epoll_pwait", "epoll_ctl", "getpid",
    ];

    private static readonly ulong[] Values =
        [0, 1, 5, 6, 7, 0x7FFFFFFF, 0x80000000, uint.MaxValue, 1UL << 32, (1UL << 32) + 6, 6UL << 32, 1UL << 63, ~0UL];

    [Theory(Skip = "needs " + Tools.DockerProfile, SkipUnless = nameof(Tools.HasSeccompProfile), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void The_profile_of_container_engines_becomes_the_same(Architecture architecture)
    {
        var profile = SeccompProfile.Parse(File.ReadAllBytes(Tools.DockerProfile));
        foreach (var capabilities in new CapabilitySet[]
            { [], CapabilitySet.All, [Capability.CAP_SYS_ADMIN], [Capability.CAP_AUDIT_WRITE] })
        {
            var target = new SeccompTarget(architecture, capabilities, new(6, 1));
            Compare(profile, target, SyscallTable.NamesOf(architecture).OfType<string>());
        }
    }

    [Theory(Skip = "needs libseccomp.so.2", SkipUnless = nameof(Tools.HasLibseccomp), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void Each_comparison_becomes_the_same(Architecture architecture)
    {
        foreach (var comparison in Enum.GetValues<SeccompComparison>())
        {
            foreach (var value in Values)
            {
                CompareWith(new SeccompArgument(1, comparison, value));
            }
        }

        foreach (var mask in Values.Where(mask => mask != 0))
        {
            Array.ForEach(Values, value => CompareWith(new(1, SeccompComparison.Equal, value & mask) { Mask = mask }));
        }

        void CompareWith(SeccompArgument argument) => Compare(
            new()
            {
                DefaultAction = SeccompAction.Allow,
                Rules = [new(["ioctl"], SeccompAction.Errno(Errno.EPERM)) { Arguments = [argument] }],
            },
            new(architecture, CapabilitySet.None, new(6, 1)), ["ioctl", "read"]);
    }

    [Theory(Skip = "needs libseccomp.so.2", SkipUnless = nameof(Tools.HasLibseccomp), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void Calls_that_are_made_often_take_no_more_instructions(Architecture architecture)
    {
        var target = new SeccompTarget(architecture, CapabilitySet.None, new(6, 1));
        foreach (var profile in new[] { SeccompProfile.Default, SeccompProfile.Plugin })
        {
            // There the order of rules means nothing: what is closed is left out, as is what it cannot have beside it.
            var rules = profile.Rules.Where(rule => rule.Action.LetsPass).ToList();
            var (ours, theirs) = (
                new FilterMachine(SeccompFilter.Compile(profile, target).Bytes),
                new FilterMachine(Libseccomp.Compile(profile with { Rules = rules }, target)));
            int Executed(FilterMachine machine) => Frequent.Sum(call => Run(machine, target, call, []).Executed);

            Assert.InRange(Executed(ours), 1, Executed(theirs));
            TestContext.Current.TestOutputHelper!.WriteLine(
                $"{Executed(ours)} instructions for {Frequent.Length} calls, {Executed(theirs)} by libseccomp's tree");
        }
    }

    private static void Compare(SeccompProfile profile, SeccompTarget target, IEnumerable<string> calls)
    {
        var (ours, theirs) = (
            new FilterMachine(SeccompFilter.Compile(profile, target).Bytes),
            new FilterMachine(Libseccomp.Compile(profile, target)));
        ulong[][] arguments =
        [
            [16, 1, 9], [16, 1, 8], .. Values.Select(value => (ulong[])[value, value, value]),
            .. Values.Zip(Values.Reverse(), (first, second) => (ulong[])[first, second, second, first, first, first]),
        ];
        Assert.All(
            from call in calls from passed in arguments select (call, passed),
            asked => Assert.Equal(
                SeccompAction.Of(Run(theirs, target, asked.call, asked.passed).Answer),
                SeccompAction.Of(Run(ours, target, asked.call, asked.passed).Answer)));
    }

    private static (uint Answer, int Executed) Run(
        FilterMachine machine, SeccompTarget target, string call, ulong[] arguments) => machine.Run(
            target.Architecture is Architecture.X64 ? 0xC000003E : 0xC00000B7,
            (uint)(SyscallTable.NumberOf(call, target.Architecture) ?? 0), arguments);
}
