using System.Runtime.InteropServices;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>
/// The structures that C# shares with the kernel and with launcher.c, against their declarations in C.
/// </summary>
[Trait(Tools.Needs, Tools.Self)]
public class StructureTests
{
    private static readonly string[] Headers =
    [
        "<dirent.h>", "<fcntl.h>", "<linux/bpf.h>", "<linux/capability.h>", "<linux/filter.h>", "<linux/landlock.h>",
        "<linux/loop.h>", "<linux/mount.h>", "<linux/openat2.h>", "<linux/sched.h>", "<linux/seccomp.h>", "<net/if.h>",
        "<poll.h>", "<signal.h>", "<spawn.h>", "<sys/epoll.h>", "<sys/inotify.h>",
        "<sys/ioctl.h>", "<sys/resource.h>", "<sys/socket.h>",
        "<sys/stat.h>", "<sys/uio.h>",
    ];

    /// <summary>A structure in C, and the fields by their names in C#.</summary>
    private static readonly Dictionary<Type, (string Name, (string CSharp, string C)[] Fields)> OfKernel = new()
    {
        [typeof(FileStatus)] = ("struct statx",
        [
            ("Links", "stx_nlink"), ("Owner", "stx_uid"), ("Group", "stx_gid"), ("Mode", "stx_mode"),
            ("Inode", "stx_ino"), ("Size", "stx_size"), ("Major", "stx_rdev_major"), ("Minor", "stx_rdev_minor"),
            ("Blocks", "stx_blocks"), ("ChangedSeconds", "stx_ctime.tv_sec"), ("ChangedNanoseconds", "stx_ctime.tv_nsec"),
                ("ModifiedSeconds", "stx_mtime.tv_sec"),
            ("ModifiedNanoseconds", "stx_mtime.tv_nsec"),
            ("FileSystemMajor", "stx_dev_major"), ("FileSystemMinor", "stx_dev_minor"), ("Mount", "stx_mnt_id"),
        ]),
        [typeof(DirectoryEntry)] = ("struct dirent64",
            [("Length", "d_reclen"), ("Type", "d_type"), ("Name", "d_name")]),
        [typeof(OpenHow)] = ("struct open_how", [("Flags", "flags"), ("Mode", "mode"), ("Resolve", "resolve")]),
        [typeof(FileLock)] = ("struct flock",
            [("Type", "l_type"), ("Whence", "l_whence"), ("Start", "l_start"), ("Length", "l_len"),
                ("ProcessId", "l_pid")]),
        [typeof(InotifyEvent)] = ("struct inotify_event",
            [("Watch", "wd"), ("Events", "mask"), ("Cookie", "cookie"), ("Length", "len")]),
        [typeof(IoVector)] = ("struct iovec", [("Start", "iov_base"), ("Length", "iov_len")]),
        [typeof(MessageHeader)] = ("struct msghdr",
        [
            ("Name", "msg_name"), ("NameLength", "msg_namelen"), ("Vectors", "msg_iov"), ("VectorCount", "msg_iovlen"),
            ("Control", "msg_control"), ("ControlLength", "msg_controllen"), ("Flags", "msg_flags"),
        ]),
        [typeof(ControlHeader)] =
            ("struct cmsghdr", [("Length", "cmsg_len"), ("Level", "cmsg_level"), ("Type", "cmsg_type")]),
        [typeof(Credentials)] = ("struct ucred", [("ProcessId", "pid"), ("UserId", "uid"), ("GroupId", "gid")]),
        [typeof(WindowSize)] = ("struct winsize",
            [("Rows", "ws_row"), ("Columns", "ws_col"), ("Width", "ws_xpixel"), ("Height", "ws_ypixel")]),
        [typeof(LoopStatus)] = ("struct loop_info64",
            [("FileSystem", "lo_device"), ("Inode", "lo_inode"), ("Flags", "lo_flags")]),
        [typeof(LoopConfiguration)] = ("struct loop_config",
            [("File", "fd"), ("BlockSize", "block_size"), ("Status", "info")]),
        [typeof(BpfInstruction)] =
            ("struct bpf_insn", [("Operation", "code"), ("Offset", "off"), ("Value", "imm")]),
        [typeof(FilterInstruction)] =
            ("struct sock_filter", [("Operation", "code"), ("IfTrue", "jt"), ("IfFalse", "jf"), ("Value", "k")]),
        [typeof(LaunchStage.FilterProgram)] = ("struct sock_fprog", [("Length", "len"), ("Instructions", "filter")]),
        [typeof(LaunchStage.Polled)] =
            ("struct pollfd", [("Descriptor", "fd"), ("Wanted", "events"), ("Found", "revents")]),
        [typeof(LaunchStage.Timeval)] = ("struct timeval", [("Seconds", "tv_sec"), ("Microseconds", "tv_usec")]),
        [typeof(LaunchStage.Limit)] = ("struct rlimit64", [("Soft", "rlim_cur"), ("Hard", "rlim_max")]),
        [typeof(LaunchStage.MountAttributesChange)] = ("struct mount_attr",
            [("Set", "attr_set"), ("Clear", "attr_clr"), ("Propagation", "propagation"),
                ("UserNamespace", "userns_fd")]),
        [typeof(LaunchStage.LandlockPathRule)] =
            ("struct landlock_path_beneath_attr", [("Allowed", "allowed_access"), ("Place", "parent_fd")]),
        [typeof(LaunchStage.CloneArguments)] = ("struct clone_args",
        [
            ("Flags", "flags"), ("Pidfd", "pidfd"), ("ChildTid", "child_tid"), ("ParentTid", "parent_tid"),
            ("ExitSignal", "exit_signal"), ("Stack", "stack"), ("StackSize", "stack_size"), ("Tls", "tls"),
            ("SetTid", "set_tid"), ("SetTidSize", "set_tid_size"), ("Cgroup", "cgroup"),
        ]),
    };

    /// <summary>What later kernels add to the end of: C# has its beginning.</summary>
    private static readonly Dictionary<Type, (string Name, (string CSharp, string C)[] Fields)> Beginnings = new()
    {
        [typeof(BpfLoad)] = ("union bpf_attr",
        [
            ("Type", "prog_type"), ("Count", "insn_cnt"), ("Instructions", "insns"), ("Licence", "license"),
            ("LogLevel", "log_level"), ("LogSize", "log_size"), ("Log", "log_buf"), ("KernelVersion", "kern_version"),
            ("Flags", "prog_flags"), ("Name", "prog_name"),
        ]),
        [typeof(BpfAttach)] = ("union bpf_attr",
        [
            ("Target", "target_fd"), ("Program", "attach_bpf_fd"), ("Type", "attach_type"), ("Flags", "attach_flags"),
            ("Replaced", "replace_bpf_fd"),
        ]),
        [typeof(BpfQuery)] = ("union bpf_attr",
        [
            ("Target", "query.target_fd"), ("Type", "query.attach_type"), ("Flags", "query.query_flags"),
            ("AttachFlags", "query.attach_flags"), ("Ids", "query.prog_ids"), ("Count", "query.prog_cnt"),
        ]),
        [typeof(BpfOpen)] = ("union bpf_attr", [("Id", "prog_id"), ("NextId", "next_id"), ("Flags", "open_flags")]),
        [typeof(BpfAsk)] =
            ("union bpf_attr", [("Program", "info.bpf_fd"), ("Length", "info.info_len"), ("Info", "info.info")]),
        [typeof(BpfProgramInfo)] = ("struct bpf_prog_info", [("Type", "type"), ("Id", "id"), ("Name", "name")]),
    };

    private static readonly Dictionary<Type, (string Name, (string CSharp, string C)[] Fields)> OfLauncher = new()
    {
        [typeof(EncodedStep)] = ("struct step",
        [
            ("Call", "call"), ("Load", "load"), ("StoreAs", "store_as"), ("Tolerated", "tolerated"),
            ("Least", "least"), ("Fork", "fork"), ("Store", "store"), ("Arguments", "argument"),
        ]),
        [typeof(Failure)] = ("struct failure", [("Part", "part"), ("Step", "step"), ("Result", "result")]),
        [typeof(Message)] = ("struct message", [("Kind", "kind"), ("Status", "status")]),
    };

    /// <summary>
    /// What the headers of Debian 12, of Linux 6.1, lack, or lack the end of; from include/uapi/linux/landlock.h of
    /// Linux 6.12.
    /// </summary>
    private static readonly Dictionary<Type, (int Size, (string Field, long Offset)[] Fields)> Newer = new()
    {
        [typeof(LaunchStage.LandlockRuleset)] = (24, [("Files", 0), ("Ports", 8), ("Scopes", 16)]),
        [typeof(LaunchStage.LandlockPortRule)] = (16, [("Allowed", 0), ("Port", 8)]),
    };

    /// <summary>Structures that never leave C#.</summary>
    private static readonly Type[] OwnOnly =
    [
        typeof(EventLoop.Watch), typeof(SpawnedLauncher), typeof(SyscallNumber), typeof(Argument), typeof(Descriptor),
        typeof(WaitStatus), typeof(Step),
        typeof(StepArguments), typeof(EncodedArguments), typeof(HeldNamespaces), typeof(JoinedNamespace),
    ];

    [Fact]
    public void Every_structure_is_compared_or_known_to_stay_in_csharp() =>
        Assert.Empty(
            from type in typeof(Syscall).Assembly.GetTypes()
            where type.Namespace is "ContainerKit.Linux" or "ContainerKit.Launch"
            where type is { IsValueType: true, IsEnum: false } && !IsGenerated(type)
            where !OfKernel.ContainsKey(type) && !Beginnings.ContainsKey(type) && !OfLauncher.ContainsKey(type)
            where !Newer.ContainsKey(type) && !OwnOnly.Contains(type)
            select type.FullName);

    [Theory(Skip = Tools.NoCompilers, SkipUnless = nameof(Tools.HasCompilers), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void The_kernels_structures_lie_as_its_headers_say(Architecture architecture)
    {
        var check = new HeaderCheck(Headers);
        AddTo(check, OfKernel);
        AddTo(check, Beginnings, ">=");
        check.Equal("offsetof(struct bpf_cgroup_dev_ctx, access_type)", DeviceProgram.AccessAndKind);
        check.Equal("offsetof(struct bpf_cgroup_dev_ctx, major)", DeviceProgram.Major);
        check.Equal("offsetof(struct bpf_cgroup_dev_ctx, minor)", DeviceProgram.Minor);
        check.Equal("offsetof(struct seccomp_data, nr)", SeccompData.Number);
        check.Equal("offsetof(struct seccomp_data, arch)", SeccompData.Table);
        check.Equal("offsetof(struct seccomp_data, args)", SeccompData.Arguments);
        AddSizes(check);
        AddEpollEvent(check, architecture);
        check.Verify(architecture);
    }

    [Fact]
    public void Structures_that_the_headers_lack_lie_as_later_ones_say() =>
        Assert.All(Newer, structure =>
        {
            var layout = Layout.Of(structure.Key);
            Assert.Equal(structure.Value.Size, layout.Size);
            Assert.Equal(
                structure.Value.Fields.OrderBy(field => field.Offset),
                layout.Offsets.Select(field => (field.Key, (long)field.Value)).OrderBy(field => field.Item2));
        });

    [Theory(Skip = Tools.NoCompilers, SkipUnless = nameof(Tools.HasCompilers), SkipType = typeof(Tools))]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void Both_ends_of_the_plan_have_one_layout(Architecture architecture)
    {
        using var directory = new TempDirectory();
        var check = new HeaderCheck($"\"{directory.Write("launcher.c", Sources.Text("Launch/launcher.c"))}\"");
        AddTo(check, OfLauncher);
        check.Equal("sizeof((struct step){0}.argument)", Layout.Of(typeof(EncodedArguments)).Size);
        check.Equal("PLAN_ADDRESS", PlanData.PlanAddress);
        check.Equal("FIRST_PART_SIZE", PlanData.FirstPartSize);
        check.Equal("ROLE_CONTINUE", Call.@continue.Number.On(architecture));
        check.Equal("ROLE_SUPERVISE", Call.supervise.Number.On(architecture));
        check.Equal("ROLE_INIT", Call.init.Number.On(architecture));
        check.Equal("STORE_NOTHING", (long)StoreAs.Nothing);
        check.Equal("STORE_REPEAT", (long)StoreAs.Repeat);
        check.Equal("STORE_NUMBER", (long)StoreAs.Number);
        check.Equal("STORE_DIGITS", (long)StoreAs.Digits);
        check.Equal("MESSAGE_PROGRAM_EXITED", (long)MessageKind.ProgramExited);
        check.Equal("MESSAGE_INIT_EXITED", (long)MessageKind.InitExited);
        using PlanData first = PlanData.First(), second = PlanData.Second();
        check.Equal("RESULTS_ADDRESS + sizeof(struct received)", first.NewResult());
        check.Equal("RESULTS_ADDRESS + offsetof(struct received, descriptor)", PlanData.Received(0));
        check.Equal("SECOND_PART_ADDRESS", second.Reserve(1) - sizeof(long));
        check.Equal("(u64)&MOVED_SETUP", PlanData.MovedSetup);
        check.Equal("(u64)CHILD_STACK", PlanData.ChildStack);
        check.Equal("MOST_RECEIVED", 4); // the three standard streams, and the part
        check.Equal("MESSAGE_SIZE", PartMessage.Most);
        check.Equal("7 * sizeof(u64)", Layout.Of(typeof(MessageHeader)).Size); // as receive_part writes it
        check.Equal("4 * sizeof(u64)", Layout.Of(typeof(MessageHeader)).Offsets["Control"]);
        check.Equal("sizeof(struct pollfd)", 8);
        check.Equal("offsetof(struct pollfd, events)", 4);
        check.Equal("offsetof(struct pollfd, revents)", 6);
        check.Verify(architecture);
    }

    private static void AddTo(
        HeaderCheck check, Dictionary<Type, (string Name, (string CSharp, string C)[] Fields)> structures,
        string compared = "==")
    {
        foreach (var (type, (name, fields)) in structures)
        {
            var layout = Layout.Of(type);
            Assert.Equal(layout.Offsets.Keys.Order(), fields.Select(field => field.CSharp).Order());
            check.Claim($"sizeof({name}) {compared} {layout.Size}", $"sizeof({name}) is not {compared} {layout.Size}");
            foreach (var (csharp, c) in fields)
            {
                check.Equal($"offsetof({name}, {c})", layout.Offsets[csharp]);
            }
        }
    }

    /// <summary>What the stages say of sizes and offsets where no C# structure says it.</summary>
    private static void AddSizes(HeaderCheck check)
    {
        using var stage = new LaunchStage();
        stage.Fork(default);
        check.Equal("CLONE_ARGS_SIZE_VER2", stage.Last.Arguments[1].Value);
        stage.OpenInRoot(Descriptor.WorkingDirectory, "", default);
        check.Equal("sizeof(struct open_how)", stage.Last.Arguments[3].Value);
        stage.SetMountAttributes(Descriptor.WorkingDirectory, default);
        check.Equal("MOUNT_ATTR_SIZE_VER0", stage.Last.Arguments[4].Value);
        stage.CreateRuleset(default, default, default);
        Assert.Equal(Layout.Of(typeof(LaunchStage.LandlockRuleset)).Size, stage.Last.Arguments[1].Value);
        check.Equal("offsetof(struct landlock_ruleset_attr, handled_access_fs)", 0);
        const int place = LaunchStage.LandlockPathRule.OffsetOfPlace;
        check.Equal("offsetof(struct landlock_path_beneath_attr, parent_fd)", place);
        stage.UnblockSignals();
        check.Equal("_NSIG / 8", stage.Last.Arguments[3].Value);

        stage.SetCapabilities(0, 0, 0);
        var header = stage.Data.Word(stage.Last.Arguments[0].Value, 0);
        check.Equal("sizeof(struct __user_cap_header_struct)", sizeof(ulong));
        check.Equal("_LINUX_CAPABILITY_VERSION_3", (uint)header);
        check.Equal("offsetof(struct __user_cap_header_struct, pid)", sizeof(uint));
        Assert.Equal(0u, (uint)(header >> 32));
        check.Equal("offsetof(struct __user_cap_data_struct, effective)", 0); // which Syscall.Has looks at
        check.Equal("_LINUX_CAPABILITY_U32S_3 * sizeof(struct __user_cap_data_struct)", BytesFrom(stage, argument: 1));

        stage.LoopbackUp();
        var request = stage[stage.Count - 2].Arguments[2].Value;
        check.Equal("offsetof(struct ifreq, ifr_name)", 0);
        check.Equal("offsetof(struct ifreq, ifr_flags)", 16);
        check.Equal("IFF_UP", (ushort)stage.Data.Word(request, 2));
        check.Equal("sizeof(struct ifreq)", stage.Data.Length - (request - PlanData.PlanAddress) - 1); // and a zero

        // What SCM_CREDENTIALS and SCM_RIGHTS attach comes right behind the header.
        check.Equal("CMSG_LEN(0)", Layout.Of(typeof(ControlHeader)).Size);

        // What posix_spawn(3) and waitid(2) write to has room for it.
        check.Claim("sizeof(posix_spawn_file_actions_t) <= 512 && sizeof(posix_spawnattr_t) <= 512",
            "the buffers of posix_spawn");
        check.Claim("sizeof(sigset_t) <= 16 * sizeof(long) && sizeof(siginfo_t) <= 128", "the buffers of signals");
        check.Equal("sizeof(struct pollfd)", 8);
        check.Equal("offsetof(struct pollfd, events)", 4);
        check.Equal("offsetof(struct pollfd, revents)", 6);
    }

    private static void AddEpollEvent(HeaderCheck check, Architecture architecture)
    {
        check.Equal("sizeof(struct epoll_event)", OfArchitecture(nameof(Syscall.EpollEventSize)));
        check.Equal("offsetof(struct epoll_event, data)", OfArchitecture(nameof(Syscall.EpollKeyOffset)));
        check.Equal("offsetof(struct epoll_event, events)", 0);

        // The property itself says it only of the machine the test runs on.
        long OfArchitecture(string property)
        {
            var match = System.Text.RegularExpressions.Regex.Match(
                Sources.Text("Linux/Syscall.Epoll.cs"),
                $@"{property} => .* is Architecture\.X64 \? (?<X64>\d+) : (?<Arm64>\d+);");
            return long.Parse(match.Groups[architecture.ToString()].Value,
                System.Globalization.CultureInfo.InvariantCulture);
        }
    }

    private static long BytesFrom(LaunchStage stage, int argument) =>
        stage.Data.Length - (stage.Last.Arguments[argument].Value - PlanData.PlanAddress);

    private static bool IsGenerated(Type type) =>
        type.Name.Contains('<', StringComparison.Ordinal) || (type.DeclaringType is { } outer && IsGenerated(outer));
}
