using System.Reflection;
using System.Runtime.InteropServices;
using System.Text.RegularExpressions;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Every number that goes by a kernel's name, against the kernel's and the C library's headers.</summary>
[Trait(Tools.Needs, Tools.Self)]
public partial class ConstantTests
{
    private static readonly string[] Headers =
    [
        "<dirent.h>", "<errno.h>", "<fcntl.h>", "<linux/audit.h>", "<linux/bpf.h>", "<linux/capability.h>",
        "<linux/close_range.h>", "<linux/fs.h>", "<linux/keyctl.h>", "<linux/landlock.h>", "<linux/loop.h>",
        "<linux/magic.h>", "<linux/memfd.h>", "<linux/mount.h>", "<linux/netlink.h>", "<linux/nsfs.h>",
        "<linux/openat2.h>", "<linux/prctl.h>", "<linux/sched.h>",
        "<linux/seccomp.h>", "<linux/securebits.h>", "<netinet/in.h>", "<poll.h>", "<signal.h>", "<spawn.h>",
        "<sys/epoll.h>", "<sys/inotify.h>", "<sys/ioctl.h>",
        "<sys/mman.h>", "<sys/resource.h>", "<sys/socket.h>", "<sys/stat.h>", "<sys/syscall.h>", "<sys/wait.h>",
    ];

    /// <summary>
    /// Names of the C library that the kernel's headers lack, in one that cannot be included beside them.
    /// </summary>
    private static readonly string[] OfMountHeader = [nameof(UnmountFlags.MNT_DETACH)];

    /// <summary>What the headers of Debian 12, of Linux 6.1, do not have yet, and where it comes from.</summary>
    private static readonly Dictionary<string, long> Newer = new()
    {
        [nameof(MemfdFlags.MFD_EXEC)] = 0x10, // include/uapi/linux/memfd.h of Linux 6.3

        // include/uapi/linux/landlock.h of Linux 6.2, 6.7, 6.10, 6.12 and 6.15
        [nameof(LandlockFileRights.LANDLOCK_ACCESS_FS_TRUNCATE)] = 1 << 14,
        [nameof(LandlockRuleType.LANDLOCK_RULE_NET_PORT)] = 2,
        [nameof(LandlockPortRights.LANDLOCK_ACCESS_NET_BIND_TCP)] = 1 << 0,
        [nameof(LandlockPortRights.LANDLOCK_ACCESS_NET_CONNECT_TCP)] = 1 << 1,
        [nameof(LandlockFileRights.LANDLOCK_ACCESS_FS_IOCTL_DEV)] = 1 << 15,
        [nameof(LandlockScopeFlags.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET)] = 1 << 0,
        [nameof(LandlockScopeFlags.LANDLOCK_SCOPE_SIGNAL)] = 1 << 1,
        [nameof(LandlockRestrictFlags.LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON)] = 1 << 1,
        [nameof(LandlockRestrictFlags.LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF)] = 1 << 2,
    };

    /// <summary>What launcher.c names otherwise: of mmap(2), and what waitid(2) and wait4(2) give.</summary>
    private static readonly Dictionary<string, string> NamesInLauncher = new()
    {
        ["READ_WRITE"] = "PROT_READ | PROT_WRITE",
        ["PRIVATE"] = "MAP_PRIVATE",
        ["ANONYMOUS"] = "MAP_ANONYMOUS",
        ["FIXED"] = "MAP_FIXED",
        ["STOPPED"] = "__W_STOPCODE(0)",
        ["EXITED"] = "CLD_EXITED",
        ["CODE"] = "__builtin_offsetof(siginfo_t, si_code) / sizeof(int)",
        ["PID"] = "__builtin_offsetof(siginfo_t, si_pid) / sizeof(int)",
        ["STATUS"] = "__builtin_offsetof(siginfo_t, si_status) / sizeof(int)",
    };

    [Theory(Skip = Tools.NoCompilers, SkipUnless = nameof(Tools.HasCompilers), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void Every_constant_has_the_headers_value(Architecture architecture)
    {
        var (check, mounts) = (new HeaderCheck(Headers), new HeaderCheck("<sys/mount.h>"));
        foreach (var (name, value) in EnumMembers())
        {
            if (Newer.TryGetValue(name, out var known))
            {
                Assert.Equal(known, value);
                check.EqualIfDefined(name, value);
                continue;
            }

            (OfMountHeader.Contains(name) ? mounts : check).Equal(name, value);
        }

        foreach (var (name, value) in Sources.Constants())
        {
            check.Equal(name, value);
        }

        check.Equal("AT_FDCWD", Launch.Descriptor.WorkingDirectory.Value);
        check.Equal("O_NOFOLLOW", (long)Syscall.NoFollow(architecture));
        check.Equal("CLONE_NEWTIME", (long)NamespaceKinds.Time);
        check.Equal("CLONE_NEWNS", (long)NamespaceKinds.Mount);
        check.Equal("CLONE_NEWCGROUP", (long)NamespaceKinds.Cgroup);
        check.Equal("CLONE_NEWUTS", (long)NamespaceKinds.Uts);
        check.Equal("CLONE_NEWIPC", (long)NamespaceKinds.Ipc);
        check.Equal("CLONE_NEWUSER", (long)NamespaceKinds.User);
        check.Equal("CLONE_NEWPID", (long)NamespaceKinds.Pid);
        check.Equal("CLONE_NEWNET", (long)NamespaceKinds.Network);
        check.Verify(architecture);
        mounts.Verify(architecture);
    }

    [Theory(Skip = Tools.NoCompilers, SkipUnless = nameof(Tools.HasCompilers), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void Every_system_call_has_the_headers_number(Architecture architecture)
    {
        var check = new HeaderCheck("<sys/syscall.h>");
        foreach (var field in typeof(SyscallNumber).GetFields(BindingFlags.Static | BindingFlags.Public))
        {
            check.Equal($"__NR_{field.Name}", ((SyscallNumber)field.GetValue(null)!).On(architecture));
        }

        Assert.True(check.Count > 40, $"Only {check.Count} calls were found.");
        check.Verify(architecture);
    }

    [Theory(Skip = Tools.NoCompilers, SkipUnless = nameof(Tools.HasCompilers), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void Every_call_of_the_table_has_the_headers_number(Architecture architecture)
    {
        // Those of later kernels than Debian 12's have one number everywhere, and are checked where they are known.
        const int newestOfHeaders = 450, uretprobe = 335, uprobe = 336;
        var check = new HeaderCheck("<sys/syscall.h>");
        foreach (var name in SyscallTable.Names)
        {
            if (SyscallTable.NumberOf(name, architecture) is not { } number)
            {
                check.Undefined($"__NR_{name}");
            }
            else if (number is > newestOfHeaders or uretprobe or uprobe)
            {
                check.EqualIfDefined($"__NR_{name}", number);
            }
            else
            {
                check.Equal($"__NR_{name}", number);
            }
        }

        check.Verify(architecture);
        var defined = Tools.Run(
            Tools.Compiler(architecture), "-E", "-dM", "-include", "sys/syscall.h", "-x", "c", "/dev/null");
        Assert.All(
            DefinedCall().Matches(defined).Select(match => match.Groups["name"].Value),
            name => Assert.True(SyscallTable.NumberOf(name, architecture) is not null, name));
    }

    [Theory(Skip = Tools.NoCompilers, SkipUnless = nameof(Tools.HasCompilers), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64, "__x86_64__")]
    [InlineData(Architecture.Arm64, "__aarch64__")]
    public void Every_constant_of_the_launcher_has_the_headers_value(Architecture architecture, string macro)
    {
        var source = Sources.Text("Launch/launcher.c");
        var sections = Conditional().Matches(source)
            .ToDictionary(match => match.Groups["macro"].Value, match => match.Groups["section"].Value);
        var common = Conditional().Replace(source, "");
        var check = new HeaderCheck(Headers);
        foreach (var (name, value) in Sources.Enumerators(common + sections[macro])
            .Where(constant => !IsOwn(constant.Name)))
        {
            check.Equal(NamesInLauncher.GetValueOrDefault(name, name), value);
        }

        Assert.True(check.Count > 15, $"Only {check.Count} constants were found.");
        check.Verify(architecture);

        static bool IsOwn(string name) =>
            name is "SETUP" or "LAST_ERRNO" || OwnPrefix().IsMatch(name);
    }

    [Fact]
    public void A_constant_in_a_method_is_found_whatever_its_type_and_company()
    {
        Assert.Equal(
            [("EPOLLIN", "1"), ("EPOLLET", "1U << 31"), ("SIGCHLD", "SIGCHLD"),
                ("_LINUX_CAPABILITY_VERSION_3", "0x20080522"), ("P_PIDFD", "3")],
            Sources.Constants("""
                const uint EPOLLIN = 1, EPOLLET = 1U << 31;
                const ulong SIGCHLD = (ulong)Signal.SIGCHLD;
                private const ulong _LINUX_CAPABILITY_VERSION_3 = 0x20080522; // and the process 0
                const int P_PIDFD = 3, controlLength = 64;
                const string NAME = "text";
                """));
        Assert.True(Sources.Constants().Count() > 10);
    }

    [Fact(Skip = Tools.NoCompilers, SkipUnless = nameof(Tools.HasCompilers), SkipType = typeof(Tools))]
    public void A_false_claim_about_a_header_is_found()
    {
        var check = new HeaderCheck("<errno.h>");
        check.Equal("EPERM", 1);
        check.Equal("ENOENT", 3);

        var failure = Assert.ThrowsAny<Exception>(() => check.Verify(Architecture.X64));

        Assert.Contains("ENOENT is not 3", failure.Message);
        Assert.DoesNotContain("EPERM", failure.Message);
    }

    [Fact]
    public void Every_error_a_step_may_tolerate_fits_a_byte() =>
        Assert.All(Enum.GetValues<Errno>(), errno => Assert.InRange((int)errno, 0, byte.MaxValue));

    /// <summary>All members of the enums of the kernel's vocabulary, which have the kernel's names.</summary>
    private static IEnumerable<(string Name, long Value)> EnumMembers() =>
        from type in typeof(Errno).Assembly.GetTypes()
        where type.IsEnum && type.DeclaringType is null
        where type.Namespace is "ContainerKit.Linux" || type == typeof(Errno) || type == typeof(Signal)
            || type == typeof(Resource) || type == typeof(Capability)
        from field in type.GetFields(BindingFlags.Static | BindingFlags.Public)
        where field.Name != "None"
        select (field.Name,
            Convert.ToInt64(field.GetRawConstantValue(), System.Globalization.CultureInfo.InvariantCulture));

    [GeneratedRegex(@"(?ms)^#(?:el)?if defined\((?<macro>\w+)\)$(?<section>.*?)(?=^#el)")]
    private static partial Regex Conditional();

    /// <summary>What the headers define for calls, but for two that are no calls.</summary>
    [GeneratedRegex(@"(?m)^#define __NR_(?!(?:arch_specific_syscall|syscalls) )(?<name>\w+) ")]
    private static partial Regex DefinedCall();

    [GeneratedRegex("^(STORE|ROLE|MESSAGE)_")]
    private static partial Regex OwnPrefix();
}
