using System.Globalization;
using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.HostileTests;

/// <summary>A script of Python that attacks, and prints what it gained: nothing, where all holds.</summary>
internal static class Attack
{
    /// <summary>
    /// Who attacks in namespaces. But for the first two, no filter stands before what the attack is about: namespaces,
    /// ids and mounts have to hold alone.
    /// </summary>
    public static TheoryData<string> InNamespaces { get; } =
    [
        .. ((string[])[Root, Plugin, "an unfiltered root", Nested])
            .Select(attacker => Of(attacker, Isolation.Rootless)),
        Capable, // who needs ids of others
    ];

    /// <summary>
    /// These, and who has none: what <see cref="Isolation.Restricted"/> claims, too, also in a host that is contained.
    /// </summary>
    public static TheoryData<string> Everybody { get; } = [.. InNamespaces, Of(Restricted, Isolation.Restricted)];

    /// <summary>Everybody whom this kernel keeps from signalling the host: the last one needs Linux 6.12.</summary>
    public static TheoryData<string> WithoutSignals { get; } =
        LandlockFeature.VersionOfKernel >= LandlockFeature.OfScopes ? Everybody : InNamespaces;

    /// <summary>
    /// Root of a default container, and as a plugin; with every capability; of a namespace it made; and a program of
    /// the host's user behind Landlock and a filter, in the host's namespaces.
    /// </summary>
    public const string
        Root = "root", Plugin = "a plugin", Capable = "a root with every capability",
        Nested = "the root of a nested namespace", Restricted = "a program without namespaces";

    /// <summary>The trait of tests that pass in a host that has this tier and no better one.</summary>
    public const string Tier = nameof(Tier);

    private static readonly ContainerHost WithoutNamespaces = new(new() { WithoutNamespaces = true });

    /// <summary>
    /// <c>attempt</c> prints what did not fail, <c>call</c> makes a system call by its name, <c>nest</c> becomes root
    /// of new namespaces. <c>tmp</c> is a directory to write in; who is <c>apart</c> has namespaces.
    /// </summary>
    private static readonly string Prelude = $$"""
        import ctypes, os, re, socket, stat, struct, sys, time
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
        tmp, apart = os.environ.get('TMPDIR', '/tmp'), 'TMPDIR' not in os.environ
        NR = { {{Numbers()}} }
        def call(name, *arguments):
            arguments = [ctypes.c_long(a) if isinstance(a, int) else a for a in arguments + (0,) * (6 - len(arguments))]
            result = libc.syscall(ctypes.c_long(NR[name]), *arguments)
            if result < 0: raise OSError(ctypes.get_errno(), name)
            return result
        def attempt(what, action):
            try:
                result = action()
            except OSError:
                return
            print(what, result)
        def nest():
            user, group = os.getuid(), os.getgid()
            call('unshare', 0x10000000 | 0x20000 | 0x40000000 | 0x8000000 | 0x4000000) # USER, NS, NET, IPC, UTS
            for path, text in (('setgroups', 'deny'), ('uid_map', f'0 {user} 1'), ('gid_map', f'0 {group} 1')):
                with open(f'/proc/self/{path}', 'w') as file: file.write(text)
            assert os.getuid() == 0

        """;

    /// <summary>The container that somebody attacks from, on a root for who needs one.</summary>
    public static ContainerOptions Options(string attacker, RootDirectory root, string script)
    {
        var options = attacker switch
        {
            Root => Script.Python(Prelude + script),
            Capable => Privileged.Python(root, mounts: true, Prelude + script),
            Nested => Script.Python($"{Prelude}nest()\n{script}") with { User = "500", MaxUserNamespaces = 5 },
            _ => Script.Python(Prelude + script),
        };
        return attacker switch
        {
            Root => options,
            Restricted => options with { MinimumIsolation = Isolation.Restricted },
            Plugin => SandboxProfiles.Plugin with { Command = options.Command },
            _ => options with { Seccomp = SeccompProfile.Unconfined },
        };
    }

    /// <summary>The host that starts who attacks.</summary>
    public static ContainerHost HostOf(string attacker) =>
        attacker is Restricted ? WithoutNamespaces : ContainerHost.Default;

    /// <summary>The options with ids of others, where there are any: not without namespaces.</summary>
    public static ContainerOptions WithIds(this ContainerOptions options, IdMap ids) =>
        options.MinimumIsolation is Isolation.Restricted ? options : options with { IdMap = ids };

    /// <summary>
    /// The options with a directory of the host's, to write in, which a variable names; without namespaces it is where
    /// it was.
    /// </summary>
    public static ContainerOptions Sharing(this ContainerOptions options, string directory, bool readOnly = false)
    {
        var target = options.MinimumIsolation is Isolation.Restricted ? directory : "/tmp/volume";
        return options.Telling("VOLUME", target) with
        {
            Mounts = [.. options.Mounts, new BindMount(directory, target) { ReadOnly = readOnly }],
        };
    }

    /// <summary>What an attack prints that gets to its end.</summary>
    public static async Task<string> OutputAsync(
        string attacker, string script, Func<ContainerOptions, ContainerOptions>? with = null,
        ContainerHost? host = null)
    {
        using var root = new RootDirectory();
        var options = Options(attacker, root, script);
        options = with is null ? options : with(options);
        var result = await Eventually.Ends((host ?? HostOf(attacker)).RunAsync(options), seconds: 60);
        Assert.True(
            result.ExitStatus.IsSuccess, $"{result.ExitStatus}\n{result.StandardOutput}\n{result.StandardError}");
        return result.StandardOutput.TrimEnd('\n');
    }

    /// <summary>The options with a variable that tells the attack something.</summary>
    public static ContainerOptions Telling(this ContainerOptions options, string name, object value) => options with
    {
        Environment = new Dictionary<string, string>(options.Environment)
        {
            [name] = Convert.ToString(value, CultureInfo.InvariantCulture)!,
        },
    };

    private static TheoryDataRow<string> Of(string attacker, Isolation tier) =>
        new TheoryDataRow<string>(attacker).WithTrait(Tier, tier.ToString());

    private static string Numbers()
    {
        const string calls = """
            unshare setns ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd prlimit64 sched_setaffinity
            setpriority sched_setscheduler kcmp move_pages migrate_pages tgkill rt_sigqueueinfo get_robust_list
            ioprio_set open_by_handle_at name_to_handle_at mount umount2 init_module finit_module delete_module
            kexec_load bpf perf_event_open swapon acct settimeofday clock_settime adjtimex syslog quotactl keyctl
            add_key request_key shmget shmat shmctl msgget msgctl msgrcv semget semctl mq_open mq_unlink chroot
            pivot_root fsopen fsconfig fsmount move_mount open_tree mount_setattr reboot sethostname setdomainname
            open creat mknod process_madvise process_mrelease lookup_dcookie inotify_init1 fanotify_init mlock clone
            """;
        var numbers = calls.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(call => (call, SyscallTable.NumberOf(call, RuntimeInformation.ProcessArchitecture)))
            .Where(call => call.Item2 is not null);
        return string.Join(", ", numbers.Select(call => $"'{call.call}': {call.Item2}"));
    }
}
