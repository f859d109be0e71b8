using System.Runtime.InteropServices;
using System.Text.Json;
using ContainerKit.Linux;

namespace ContainerKit.Tests.Security;

/// <summary>
/// The default profile against the one that Podman ships, read by nothing of ours: each call, with each class of
/// arguments that it tells apart, for each capability that it asks for.
/// </summary>
public class SeccompDefaultTests
{
    private const string Path = "/usr/share/containers/seccomp.json", Missing = "needs " + Path;

    /// <summary>What is closed beyond it.</summary>
    private static readonly string[] Closed =
        ["add_key", "keyctl", "request_key", "io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd"];

    private static readonly string[] Capabilities =
    [
        "CAP_DAC_READ_SEARCH", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT", "CAP_SYS_MODULE", "CAP_SYS_PACCT", "CAP_SYS_PTRACE",
        "CAP_SYS_RAWIO", "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_AUDIT_WRITE",
    ];

    public static bool HasOracle =>
        Environment.GetEnvironmentVariable("CONTAINERKIT_MUST_RUN") == "1" || File.Exists(Path);

    public static TheoryData<Architecture, string> Architectures { get; } =
        new() { { Architecture.X64, "amd64" }, { Architecture.Arm64, "arm64" } };

    private static IEnumerable<string[]> CapabilitySets =>
        [[], Capabilities, .. Capabilities.Select(one => (string[])[one])];

    [Theory(Skip = Missing, SkipUnless = nameof(HasOracle))]
    [MemberData(nameof(Architectures))]
    public void The_default_profile_does_what_Podmans_does(Architecture architecture, string name)
    {
        using var oracle = JsonDocument.Parse(File.ReadAllText(Path));
        foreach (var set in CapabilitySets)
        {
            var machine = Compile(SeccompProfile.Default, architecture, set);
            foreach (var (call, arguments) in CallsOf(architecture))
            {
                var podmans = AskOracle(oracle.RootElement, call, arguments, name, set);
                var ours = Ask(machine, architecture, call, arguments);
                if (Closed.Contains(call))
                {
                    Assert.True(ours.IsErrno, $"{call}: {ours}");
                    continue;
                }

                var isClosedFamily = call == "socket" && arguments[0] is 38 or 40;
                Assert.Equal((call, isClosedFamily ? SeccompAction.Errno(Errno.EAFNOSUPPORT) : podmans), (call, ours));
                if (call == "socket")
                {
                    ulong[] sameToKernel = [arguments[0] | 1UL << 32, arguments[1], arguments[2] | ~0UL << 32];
                    Assert.Equal(ours, Ask(machine, architecture, call, sameToKernel));
                }
            }
        }
    }

    [Theory(Skip = Missing, SkipUnless = nameof(HasOracle))]
    [MemberData(nameof(Architectures))]
    public void Podmans_profile_is_read_as_it_is_meant(Architecture architecture, string name)
    {
        using var oracle = JsonDocument.Parse(File.ReadAllText(Path));
        var profile = SeccompProfile.Parse(File.ReadAllText(Path));
        foreach (var set in CapabilitySets)
        {
            var machine = Compile(profile, architecture, set);
            Assert.All(CallsOf(architecture), asked => Assert.Equal(
                AskOracle(oracle.RootElement, asked.Call, asked.Arguments, name, set),
                Ask(machine, architecture, asked.Call, asked.Arguments)));
        }

        Assert.Contains("chown32", profile.UnknownCalls);
        Assert.DoesNotContain(profile.UnknownCalls, SyscallTable.Has);
    }

    [Theory]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void The_plugins_profile_lets_nothing_pass_that_the_default_one_does_not(Architecture architecture)
    {
        var (plugin, general) =
            (Compile(SeccompProfile.Plugin, architecture, []), Compile(SeccompProfile.Default, architecture, []));
        foreach (var (call, arguments) in CallsOf(architecture))
        {
            Assert.True(
                !Ask(plugin, architecture, call, arguments).LetsPass || Ask(general, architecture, call, arguments).LetsPass,
                $"{call}({string.Join(", ", arguments)})");
        }
    }

    [Theory]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void The_plugins_profile_has_nothing_to_trace_mount_and_reach_others_with(Architecture architecture)
    {
        const string closed = """
            ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd mount umount2 pivot_root chroot
            fsopen fsconfig fsmount fspick move_mount open_tree mount_setattr unshare setns clone3 bpf perf_event_open
            add_key keyctl request_key init_module finit_module delete_module swapon swapoff reboot kexec_load
            kexec_file_load userfaultfd io_uring_setup io_uring_enter io_uring_register syslog acct quotactl
            open_by_handle_at name_to_handle_at fanotify_init shmget msgget semget mq_open sync vmsplice modify_ldt iopl
            ioperm sethostname setdomainname settimeofday clock_settime clock_adjtime adjtimex vhangup lookup_dcookie
            """;
        var machine = Compile(SeccompProfile.Plugin, architecture, Capabilities);
        foreach (var call in SeccompCalls.In(closed).Where(name => SyscallTable.NumberOf(name, architecture) is not null))
        {
            var action = Ask(machine, architecture, call, [0, 0, 0]);
            Assert.True(action == SeccompAction.Errno(call == "clone3" ? Errno.ENOSYS : Errno.EPERM), $"{call}: {action}");
        }

        // The kernel passes over the upper halves of these.
        foreach (var upper in new[] { 0UL, 1UL << 32, ~0UL << 32 })
        {
            Assert.Equal(SeccompAction.Errno(Errno.EPERM), Ask(machine, architecture, "ioctl", [0, 0x5412 | upper, 0]));
            Assert.Equal(SeccompAction.Errno(Errno.EPERM), Ask(machine, architecture, "ioctl", [0, 0x541C | upper, 0]));
            Assert.Equal(SeccompAction.Errno(Errno.EPERM), Ask(machine, architecture, "clone", [0x10000011 | upper, 0, 0]));
            Assert.Equal(SeccompAction.Allow, Ask(machine, architecture, "clone", [0x003D0F00 | upper, 0, 0]));
            Assert.Equal(SeccompAction.Allow, Ask(machine, architecture, "socket", [2 | upper, 1, 0]));
            Assert.Equal(SeccompAction.Errno(Errno.EAFNOSUPPORT), Ask(machine, architecture, "socket", [16 | upper, 3, 0]));
        }
    }

    private static FilterMachine Compile(SeccompProfile profile, Architecture architecture, string[] capabilities) => new(
        SeccompFilter.Compile(profile, new(architecture, CapabilitySet.Parse(capabilities), new(6, 1))).Bytes);

    private static SeccompAction Ask(FilterMachine machine, Architecture architecture, string call, ulong[] arguments) =>
        SeccompAction.Of(
            machine.Run(
                architecture == Architecture.X64 ? 0xC000003E : 0xC00000B7,
                (uint)SyscallTable.NumberOf(call, architecture)!.Value, arguments).Answer);

    /// <summary>All calls, with arguments of each class.</summary>
    private static IEnumerable<(string Call, ulong[] Arguments)> CallsOf(Architecture architecture) =>
        from call in SyscallTable.Names
        where SyscallTable.NumberOf(call, architecture) is not null
        from arguments in call switch
        {
            "socket" => from family in Enumerable.Range(0, 50)
                        from protocol in (ulong[])[0, 1, 9]
                        select (ulong[])[(ulong)family, 1, protocol],
            "personality" => ((ulong[])[0, 1, 8, 0x20000, 0x20008, 0x40000, uint.MaxValue]).Select(
                value => (ulong[])[value, 0, 0]),
            _ => [[0, 0, 0], [ulong.MaxValue, ulong.MaxValue, ulong.MaxValue]],
        }
        select (call, arguments);

    /// <summary>What the document says, where the first rule without arguments counts, and any with them.</summary>
    private static SeccompAction AskOracle(
        JsonElement oracle, string call, ulong[] arguments, string architecture, string[] capabilities)
    {
        var rules = oracle.GetProperty("syscalls").EnumerateArray().Where(
            rule => rule.GetProperty("names").EnumerateArray().Any(name => name.GetString() == call)
                && Includes(rule.GetProperty("includes")) && !Excludes(rule.GetProperty("excludes"))).ToList();
        var found = rules.Where(rule => !Conditions(rule).Any())
            .Concat(rules.Where(rule => Conditions(rule).Any() && Conditions(rule).All(Holds))).ToList();
        return found.Count > 0 ? Action(found[0], "action", "errnoRet") : Action(oracle, "defaultAction", "defaultErrnoRet");

        bool Includes(JsonElement filter) => Names(filter, "arches") is var arches && Names(filter, "caps") is var caps
            && (arches.Count == 0 || arches.Contains(architecture)) && caps.TrueForAll(capabilities.Contains);

        bool Excludes(JsonElement filter) =>
            Names(filter, "arches").Contains(architecture) || Names(filter, "caps").Exists(capabilities.Contains);

        bool Holds(JsonElement condition)
        {
            var (argument, value) = (arguments[condition.GetProperty("index").GetInt32()], condition.GetProperty("value"));
            return condition.GetProperty("op").GetString() switch
            {
                "SCMP_CMP_EQ" => argument == value.GetUInt64(),
                "SCMP_CMP_NE" => argument != value.GetUInt64(),
                var other => throw new InvalidOperationException(other),
            };
        }

        static List<string> Names(JsonElement filter, string of) => filter.TryGetProperty(of, out var list)
            ? [.. list.EnumerateArray().Select(name => name.GetString()!)] : [];

        static IEnumerable<JsonElement> Conditions(JsonElement rule) =>
            rule.GetProperty("args") is { ValueKind: JsonValueKind.Array } list ? list.EnumerateArray() : [];

        static SeccompAction Action(JsonElement of, string action, string errno) => of.GetProperty(action).GetString() switch
        {
            "SCMP_ACT_ALLOW" => SeccompAction.Allow,
            "SCMP_ACT_ERRNO" => SeccompAction.Errno((Errno)of.GetProperty(errno).GetInt32()),
            var other => throw new InvalidOperationException(other),
        };
    }
}
