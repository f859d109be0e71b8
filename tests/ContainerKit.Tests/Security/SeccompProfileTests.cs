using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Tests.Security;

public class SeccompProfileTests
{
    private static readonly SeccompTarget X64 = new(Architecture.X64, CapabilitySet.None, new(6, 1));

    private static readonly SeccompAction NotPermitted = SeccompAction.Errno(Errno.EPERM);

    [Fact]
    public void A_profile_lists_its_rules() =>
        Assert.Equal(
            """
            errno EPERM socket, socketpair where a0 & 0xffffffff == 0x26 and without CAP_SYS_ADMIN
            allow open where on X64 and since Linux 4.8
            kill the process everything else, but only log what is denied
            """,
            $"{new SeccompProfile
            {
                DefaultAction = SeccompAction.KillProcess,
                Rules =
                [
                    new(["socket", "socketpair"], NotPermitted)
                    {
                        Arguments = [new(0, SeccompComparison.Equal, 38) { Mask = uint.MaxValue }],
                        WithoutCapabilities = [Capability.CAP_SYS_ADMIN],
                    },
                    new(["open"], SeccompAction.Allow)
                        { Architecture = Architecture.X64, MinimumKernel = new(4, 8) },
                ],
                LogOnly = true,
            }}");

    [Fact]
    public void A_filter_is_listed_with_the_names_of_calls()
    {
        var profile = new SeccompProfile
        {
            DefaultAction = SeccompAction.Allow,
            Rules =
            [
                new(["mount"], NotPermitted),
                new(["ioctl"], NotPermitted) { Arguments = [new(1, SeccompComparison.Equal, 0x5412) { Mask = uint.MaxValue }] },
            ],
        };

        Assert.Equal(
            """
               0: ld [4]                        ; the architecture
               1: jeq #0xc000003e, 2, 12
               2: ld [0]                        ; the call's number
               3: jge #0xa5, 7, 4               ; mount
               4: jeq #0x10, 5, 10              ; ioctl
               5: ld [24]                       ; a1, lower half
               6: jeq #0x5412, 9, 10
               7: jge #0x40000000, 11, 8
               8: jge #0xa6, 10, 9              ; umount2
               9: ret #0x00050001               ; errno EPERM
              10: ret #0x7fff0000               ; allow
              11: ret #0x00050026               ; errno ENOSYS
              12: ret #0x80000000               ; kill the process

            """, $"{SeccompFilter.Compile(profile, X64)}");
    }

    [Fact]
    public void Nothing_is_compiled_again()
    {
        var profile = new SeccompProfile { DefaultAction = SeccompAction.Allow, Rules = [new(["mount"], NotPermitted)] };
        var filter = SeccompFilter.Of(profile, CapabilitySet.None);

        Assert.Same(filter, SeccompFilter.Of(profile, CapabilitySet.None));
        Assert.NotSame(filter, SeccompFilter.Of(profile, CapabilitySet.All));
        Assert.Same(filter, SeccompFilter.Of(profile, CapabilitySet.None));
        Assert.NotSame(filter, SeccompFilter.Of(profile with { LogDenied = true }, CapabilitySet.None));
    }

    [Theory]
    [InlineData("execve")]
    [InlineData("write")]
    [InlineData("exit_group")]
    public void A_profile_that_denies_what_starts_the_program_is_refused(string call)
    {
        var denied = new SeccompProfile { DefaultAction = SeccompAction.Allow, Rules = [new([call], NotPermitted)] };
        var sometimes = denied with
        {
            Rules = [new([call], SeccompAction.Trap) { Arguments = [new(0, SeccompComparison.Equal, 1)] }],
        };
        var unnamed = new SeccompProfile { DefaultAction = NotPermitted, Rules = [new(["read"], SeccompAction.Allow)] };

        foreach (var profile in new[] { denied, sometimes, unnamed })
        {
            var refused = Assert.Throws<ArgumentException>(() => SeccompFilter.Compile(profile, X64));
            Assert.Contains(profile == unnamed ? "execve" : call, refused.Message, StringComparison.Ordinal);
            SeccompFilter.Compile(profile with { LogOnly = true }, X64);
        }
    }

    [Fact]
    public void A_profile_that_cannot_be_meant_is_refused()
    {
        SeccompRule[] rules =
        [
            new(["read"], NotPermitted) { Arguments = [new(6, SeccompComparison.Equal, 0)] },
            new(["read"], NotPermitted) { Arguments = [new(-1, SeccompComparison.Equal, 0)] },
            new(["read"], NotPermitted) { Arguments = [new(0, SeccompComparison.Equal, 2) { Mask = 1 }] },
            new(["read"], NotPermitted) { Arguments = [new(0, (SeccompComparison)9, 2)] },
            null!,
        ];
        Assert.All(rules, rule => Assert.Throws<ArgumentException>(
            () => SeccompFilter.Compile(new() { DefaultAction = SeccompAction.Allow, Rules = [rule] }, X64)));
        Assert.Throws<ArgumentException>(() => new SeccompRule(["read", null!], NotPermitted));
        Assert.Throws<ArgumentNullException>(() => new SeccompRule(null!, NotPermitted));
        Assert.Throws<ArgumentOutOfRangeException>(() => SeccompAction.Errno((Errno)4096));
        Assert.Throws<ArgumentOutOfRangeException>(() => SeccompAction.Errno((Errno)(-1)));
    }

    [Fact]
    public void A_profile_for_another_architecture_is_refused()
    {
        var profile = SeccompProfile.Default with { Architecture = Architecture.Arm64 };

        Assert.Contains("Arm64", Assert.Throws<ArgumentException>(() => SeccompFilter.Compile(profile, X64)).Message,
            StringComparison.Ordinal);
        SeccompFilter.Compile(profile with { Architecture = Architecture.X64 }, X64);
    }

    [Fact]
    public void What_a_caller_changes_afterwards_changes_nothing()
    {
        var calls = new List<string> { "mount" };
        var rules = new List<SeccompRule> { new(calls, NotPermitted) };
        var profile = new SeccompProfile { DefaultAction = SeccompAction.Allow, Rules = rules };
        calls[0] = "read";
        rules.Clear();

        Assert.Equal("errno EPERM mount\nallow everything else", $"{profile}");
    }

    [Fact]
    public void Names_that_no_call_has_are_reported_and_passed_over()
    {
        var profile = new SeccompProfile
        {
            DefaultAction = SeccompAction.Allow,
            Rules = [new(["mount", "no_such"], NotPermitted), new(["no_such", "chown32"], NotPermitted)],
        };

        Assert.Equal(["no_such", "chown32"], profile.UnknownCalls);
        SeccompFilter.Compile(profile, X64);
        Assert.Empty(SeccompProfile.Default.UnknownCalls);
        Assert.Empty(SeccompProfile.Plugin.UnknownCalls);
    }

    [Fact]
    public void What_confines_nothing_has_no_filter()
    {
        Assert.Null(SeccompFilter.Of(SeccompProfile.Unconfined, CapabilitySet.None));
        Assert.Equal("allow everything", $"{SeccompProfile.Unconfined}");
        Assert.Equal("", SeccompProfile.Unconfined.Explain());
        Assert.NotNull(SeccompFilter.Of(SeccompProfile.Default with { LogOnly = true }, CapabilitySet.None));
    }
}
