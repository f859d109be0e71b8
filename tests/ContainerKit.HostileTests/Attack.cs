using System.Globalization;
using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.HostileTests;

/// <summary>A script of Python that attacks, and prints what it gained: nothing, where all holds.</summary>
internal static class Attack
{
    /// <summary>
    /// Who attacks. But for the first two, no filter stands before what the attack is about: namespaces, ids and mounts
    /// have to hold alone.
    /// </summary>
    public static TheoryData<string> Everybody { get; } = [Root, Plugin, "an unfiltered root", Capable, Nested];

    /// <summary>
    /// Root of a default container, and as a plugin; with every capability; of a namespace it made.
    /// </summary>
    public const string
        Root = "root", Plugin = "a plugin", Capable = "a root with every capability",
        Nested = "the root of a nested namespace";

    /// <summary>
    /// <c>attempt</c> prints what did not fail, <c>call</c> makes a system call by its name, <c>nest</c> becomes root
    /// of new namespaces.
    /// </summary>
    private static readonly string Prelude = $$"""
        import ctypes, os, re, socket, stat, struct, sys, time
        libc = ctypes.CDLL(None, use_errno=True)
        libc.syscall.restype = ctypes.c_long
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
            Plugin => SandboxProfiles.Plugin with { Command = options.Command },
            _ => options with { Seccomp = SeccompProfile.Unconfined },
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
        if (host is null)
        {
            return await Script.OutputAsync(options);
        }

        var result = await Eventually.Ends(host.RunAsync(options), seconds: 60);
        return result.EnsureSuccess().StandardOutput.TrimEnd('\n');
    }

    /// <summary>The options with a variable that tells the attack something.</summary>
    public static ContainerOptions Telling(this ContainerOptions options, string name, object value) => options with
    {
        Environment = new Dictionary<string, string>(options.Environment)
        {
            [name] = Convert.ToString(value, CultureInfo.InvariantCulture)!,
        },
    };

    private static string Numbers()
    {
        const string calls = """
            unshare setns ptrace process_vm_readv process_vm_writev pidfd_open pidfd_getfd prlimit64 sched_setaffinity
            setpriority sched_setscheduler kcmp move_pages migrate_pages tgkill rt_sigqueueinfo get_robust_list
            ioprio_set open_by_handle_at name_to_handle_at mount umount2 init_module finit_module delete_module
            kexec_load bpf perf_event_open swapon acct settimeofday clock_settime adjtimex syslog quotactl keyctl
            add_key request_key shmget shmat shmctl msgget msgctl msgrcv semget semctl mq_open mq_unlink chroot
            pivot_root fsopen fsconfig fsmount move_mount open_tree mount_setattr reboot sethostname setdomainname
            process_madvise process_mrelease lookup_dcookie inotify_init1 fanotify_init mlock clone
            """;
        var numbers = calls.Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries)
            .Select(call => (call, SyscallTable.NumberOf(call, RuntimeInformation.ProcessArchitecture)))
            .Where(call => call.Item2 is not null);
        return string.Join(", ", numbers.Select(call => $"'{call.call}': {call.Item2}"));
    }
}
