using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Security;

/// <summary>What the kernel makes of profiles.</summary>
public class SeccompTests
{
    private static readonly SeccompAction NotPermitted = SeccompAction.Errno(Errno.EPERM);

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [PythonFact]
    public async Task What_the_default_profile_closes_fails_and_the_rest_works()
    {
        (string, ulong[])[] calls =
        [
            ("keyctl", [6, ~2UL]), // KEYCTL_DESCRIBE of the session keyring
            ("add_key", []), ("request_key", []),
            ("userfaultfd", [1]), // UFFD_USER_MODE_ONLY
            ("io_uring_setup", [1]), ("io_uring_enter", [~0UL]), ("io_uring_register", [~0UL]),
            ("mseal", []), // a newer one than those of the profile
            ("bpf", []), ("swapoff", []), ("getppid", []), ("getcpu", []), ("unshare", []),
        ];
        var (denied, hidden) = (Errno.EPERM, Errno.ENOSYS);

        Assert.Equal(
            [denied, denied, denied, denied, hidden, hidden, hidden, hidden, denied, denied, 0, 0, 0],
            await RawCalls.ErrnosAsync(null, calls));
        Assert.Equal(0, (int)(await RawCalls.ErrnosAsync(SeccompProfile.Unconfined, calls))[0]);
    }

    [PythonFact]
    public async Task CVE_2026_31431_Sockets_of_AF_ALG_and_AF_VSOCK_are_closed_whatever_their_upper_half_is()
    {
        const ulong AF_UNIX = 1, AF_ALG = 38, AF_VSOCK = 40, SOCK_STREAM = 1, SOCK_SEQPACKET = 5;
        (string, ulong[])[] calls =
        [
            .. from upper in new[] { 0UL, 1UL << 32, ~0UL << 32 }
               from socket in new[] { (AF_ALG, SOCK_SEQPACKET), (AF_VSOCK, SOCK_STREAM), (AF_UNIX, SOCK_STREAM) }
               select ("socket", (ulong[])[socket.Item1 | upper, socket.Item2]),
        ];
        foreach (var profile in new[] { SeccompProfile.Default, SeccompProfile.Plugin })
        {
            // By an errno that is the filter's alone: a kernel that has no such family says what the profile does.
            var own = SeccompAction.Errno((Errno)4000);
            var changed = profile with
            {
                Rules = [.. profile.Rules.Select(rule =>
                    rule.Action == SeccompAction.Errno(Errno.EAFNOSUPPORT) ? rule with { Action = own } : rule)],
            };

            Assert.Equal(
                Enumerable.Repeat<Errno[]>([(Errno)4000, (Errno)4000, 0], 3).SelectMany(errnos => errnos),
                await RawCalls.ErrnosAsync(changed, calls));
            Assert.Equal(
                Enumerable.Repeat<Errno[]>([Errno.EAFNOSUPPORT, Errno.EAFNOSUPPORT, 0], 3).SelectMany(errnos => errnos),
                await RawCalls.ErrnosAsync(profile, calls));
        }
    }

    [PythonTheory]
    [InlineData(102)] // socketcall(2), which would get around a filter of socket(2)
    [InlineData(20)] // getpid(2)
    public async Task CVE_2026_31431_A_call_of_32_bits_kills(int number)
    {
        Assert.SkipUnless(
            RuntimeInformation.ProcessArchitecture is Architecture.X64, "is machine code of x64, the one that has them");

        // mov $number, %eax; xor %ebx, %ebx; int $0x80; ret
        var attack = Script.Python($$"""
            import ctypes, mmap
            code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
            code.write(b'\x53\xb8' + ({{number}}).to_bytes(4, 'little') + b'\x31\xdb\xcd\x80\x5b\xc3')
            call = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(code)))
            print(call() != -38)
            """);

        foreach (var profile in new[] { SeccompProfile.Default, SeccompProfile.Plugin })
        {
            Assert.Equal(Signal.SIGSYS, (await Script.RunAsync(attack with { Seccomp = profile })).ExitStatus.Signal);
        }

        Assert.Equal("True", await Script.OutputAsync(attack with { Seccomp = SeccompProfile.Unconfined }));
        Assert.Equal(
            "True", await Script.OutputAsync(attack with { Seccomp = SeccompProfile.Default with { LogOnly = true } }));
    }

    [PythonFact]
    public async Task A_call_of_x32_is_none()
    {
        var attack = Script.Python("""
            import ctypes
            libc = ctypes.CDLL(None, use_errno=True)
            for call in (0x40000000, 0x40000001, 0x40000027, 0x40000208, 0x7fffffff):
                print(libc.syscall(ctypes.c_long(call), -1, 0, 0), ctypes.get_errno())
            """);
        var allowing = new SeccompProfile
        { DefaultAction = SeccompAction.Allow, Rules = [new(["mount"], NotPermitted)] };

        foreach (var profile in new[] { SeccompProfile.Default, SeccompProfile.Plugin, allowing })
        {
            Assert.Equal(
                string.Join('\n', Enumerable.Repeat("-1 38", 5)),
                await Script.OutputAsync(attack with { Seccomp = profile }));
        }
    }

    [PythonFact]
    public async Task Each_action_does_what_it_says()
    {
        foreach (var (action, expected) in new[]
        {
            (SeccompAction.Allow, "0"), (SeccompAction.Log, "0"), (NotPermitted, "1"),
            (SeccompAction.Errno((Errno)4095), "4095"), (SeccompAction.Errno(Errno.None), "0"),
            (SeccompAction.KillProcess, "SIGSYS"), (SeccompAction.KillThread, "SIGSYS"), (SeccompAction.Trap, "SIGSYS"),
        })
        {
            var result = await Script.RunAsync(new ContainerOptions
            {
                Command = RawCalls.Command(("sync", [])),
                Seccomp = new() { DefaultAction = SeccompAction.Allow, Rules = [new(["sync"], action)] },
            });

            Assert.Equal(
                (action, expected),
                (action, result.ExitStatus.Signal is { } signal ? $"{signal}" : result.StandardOutput.Trim()));
        }
    }

    [PythonFact]
    public async Task An_argument_is_compared_in_all_of_its_bits()
    {
        (string, ulong[])[] calls =
            [.. ((ulong[])[5, 6, 7, 0x1_0000_0006, 0xFFFF_FFFF_0000_0006, 0x8000_0000_0000_0000]).Select(
                value => ("alarm", (ulong[])[value]))];

        Assert.Equal([0, Errno.EPERM, 0, 0, 0, 0], await ErrnosAsync(SeccompComparison.Equal));
        Assert.Equal([Errno.EPERM, 0, Errno.EPERM, Errno.EPERM, Errno.EPERM, Errno.EPERM],
            await ErrnosAsync(SeccompComparison.NotEqual));
        Assert.Equal([0, 0, Errno.EPERM, Errno.EPERM, Errno.EPERM, Errno.EPERM],
            await ErrnosAsync(SeccompComparison.Greater));
        Assert.Equal([Errno.EPERM, Errno.EPERM, 0, 0, 0, 0], await ErrnosAsync(SeccompComparison.LessOrEqual));
        Assert.Equal([0, Errno.EPERM, 0, Errno.EPERM, Errno.EPERM, 0],
            await ErrnosAsync(SeccompComparison.Equal, uint.MaxValue));

        Task<Errno[]> ErrnosAsync(SeccompComparison comparison, ulong mask = ulong.MaxValue) => RawCalls.ErrnosAsync(
            new()
            {
                DefaultAction = SeccompAction.Allow,
                Rules = [new(["alarm"], NotPermitted) { Arguments = [new(0, comparison, 6) { Mask = mask }] }],
            }, calls);
    }

    [PythonFact]
    public async Task A_profile_that_only_logs_denies_nothing()
    {
        var logging = SeccompProfile.Plugin with { LogOnly = true };

        Assert.Equal([0, 0], await RawCalls.ErrnosAsync(logging, ("keyctl", [6, ~2UL]), ("unshare", [0])));
        Assert.Equal(
            [Errno.EPERM, Errno.EPERM],
            await RawCalls.ErrnosAsync(SeccompProfile.Plugin, ("keyctl", [6, ~2UL]), ("unshare", [0])));
        Assert.Equal(
            [Errno.EPERM], await RawCalls.ErrnosAsync(SeccompProfile.Plugin with { LogDenied = true }, ("unshare", [0])));
    }

    [PythonFact]
    public async Task A_profile_of_a_document_is_what_Podman_and_Docker_make_of_it()
    {
        var profile = SeccompProfile.Parse("""
            {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
             {"names": ["sync", "no_such_call"], "action": "SCMP_ACT_ERRNO", "errnoRet": 13},
             {"names": ["getpriority"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 1, "op": "SCMP_CMP_EQ"},
              {"index": 0, "value": 2, "op": "SCMP_CMP_EQ"}]},
             {"names": ["getuid"], "action": "SCMP_ACT_ERRNO", "excludes": {"caps": ["CAP_CHOWN"]}},
             {"names": ["getgid"], "action": "SCMP_ACT_ERRNO", "includes": {"caps": ["CAP_CHOWN"]}},
             {"names": ["geteuid"], "action": "SCMP_ACT_ERRNO", "includes": {"minKernel": "99.0"}}]}
            """);

        Assert.Equal(["no_such_call"], profile.UnknownCalls);
        Assert.Equal(
            [Errno.EACCES, 0, Errno.EPERM, Errno.EPERM, Errno.EPERM, 0, 0],
            await RawCalls.ErrnosAsync(
                profile, ("sync", []), ("getpriority", [0]), ("getpriority", [1]), ("getpriority", [2]), ("getuid", []),
                ("getgid", []), ("geteuid", [])));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_program_and_an_init_have_a_filter_each_unless_there_is_to_be_none(bool init)
    {
        var look = Script.Shell("grep -h '^Seccomp_filters:' /proc/1/status /proc/self/status | tr -dc '0-9\n'") with
        { Init = init };
        var around = (await Script.OutputAsync(look with { Seccomp = SeccompProfile.Unconfined })).Split('\n');
        Assert.Equal(around[0], around[1]);
        var filters = int.Parse(around[0], System.Globalization.CultureInfo.InvariantCulture) + 1;
        foreach (var profile in new[] { null, SeccompProfile.Plugin, SeccompProfile.Default with { LogOnly = true } })
        {
            Assert.Equal($"{filters}\n{filters}", await Script.OutputAsync(look with { Seccomp = profile }));
        }
    }

    [PythonFact]
    public async Task Programs_that_are_executed_in_it_have_the_containers_profile()
    {
        var own = new SeccompProfile
        {
            DefaultAction = SeccompAction.Allow,
            Rules = [new(["sync"], SeccompAction.Errno((Errno)4000))],
        };
        await using var container = await Container.StartAsync(
            new() { Command = ["sleep", "1000"], Seccomp = own }, Token);
        await using var executed = await container.ExecAsync(
            new() { Command = RawCalls.Command(("sync", [])), StandardOutput = StandardStream.Capture(ByteSize.KiB(1)) },
            Token);

        Assert.Equal(
            [(Errno)4000],
            RawCalls.Errnos((await Eventually.Ends(executed.WaitForResultAsync(Token))).StandardOutput));
    }

    [PythonFact]
    public async Task What_depends_on_a_capability_is_open_to_a_program_that_may_have_it()
    {
        var kcmp = RawCalls.Command(("kcmp", [])); // of no process
        var options = new ContainerOptions { Command = kcmp };
        var sleeper = options with
        { Command = ["sleep", "1000"], Capabilities = new([Capability.CAP_SYS_PTRACE, Capability.CAP_KILL]) };
        await using var container = await Container.StartAsync(sleeper, Token);

        Assert.Equal([Errno.EPERM], RawCalls.Errnos(await Script.OutputAsync(options)));
        Assert.Equal(
            [Errno.ESRCH], RawCalls.Errnos(await Script.OutputAsync(sleeper with { Command = kcmp })));
        Assert.Equal(Errno.ESRCH, await ExecutedAsync(null));
        Assert.Equal(Errno.EPERM, await ExecutedAsync(new([Capability.CAP_KILL])));

        async Task<Errno> ExecutedAsync(CapabilitySets? capabilities)
        {
            await using var executed = await container.ExecAsync(
                new()
                {
                    Command = kcmp,
                    Capabilities = capabilities,
                    StandardOutput = StandardStream.Capture(ByteSize.KiB(1)),
                }, Token);
            return RawCalls.Errnos((await Eventually.Ends(executed.WaitForResultAsync(Token))).StandardOutput)[0];
        }
    }

    [PythonFact]
    public async Task Those_that_another_process_executes_in_a_detached_one_have_it_too()
    {
        using var temp = new TempDirectory();
        var own = SeccompProfile.Plugin with
        {
            Rules = [new(["sync"], SeccompAction.Errno((Errno)4000)), .. SeccompProfile.Plugin.Rules],
        };
        await using var starter = new ContainerHost(new() { StateDirectory = temp["state"] });
        await using var other = new ContainerHost(new() { StateDirectory = temp["state"] });
        foreach (var (id, profile, errno) in new[] { ("own", own, 4000), ("none", SeccompProfile.Unconfined, 0) })
        {
            await starter.StartDetachedAsync(id, new() { Command = ["sleep", "1000"], Seccomp = profile }, Token);
            await using var container = await other.AttachAsync(id, Token);
            await using var executed = await container.ExecAsync(
                new()
                {
                    Command = RawCalls.Command(("sync", [])),
                    StandardOutput = StandardStream.Capture(ByteSize.KiB(1)),
                }, Token);
            var output = (await Eventually.Ends(executed.WaitForResultAsync(Token))).StandardOutput;
            await container.StopAsync(Token);
            await container.RemoveAsync(Token);

            Assert.Equal([(Errno)errno], RawCalls.Errnos(output));
        }
    }

    [Fact]
    public async Task A_profile_that_would_deny_the_start_makes_nothing()
    {
        var before = await Leftovers.Before();
        foreach (var call in new[] { "execve", "write", "exit_group" })
        {
            var profile = SeccompProfile.Default with
            { Rules = [new([call], SeccompAction.KillProcess), .. SeccompProfile.Default.Rules] };
            var refusal = await Assert.ThrowsAsync<ArgumentException>(
                () => Container.StartAsync(new() { Command = ["true"], Seccomp = profile }, Token));
            Assert.Contains($"denies {call}", refusal.Message, StringComparison.Ordinal);
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task A_start_that_fails_under_the_strictest_profile_says_why()
    {
        var strictest = new SeccompProfile
        {
            DefaultAction = SeccompAction.KillProcess,
            Rules = [new(["execve", "write", "exit_group"], SeccompAction.Allow)],
        };
        foreach (var init in new[] { true, false })
        {
            var refusal = await Assert.ThrowsAsync<LaunchException>(() => Container.RunAsync(
                new() { Command = ["no-such-program"], Seccomp = strictest, Init = init }, Token));
            Assert.Equal(("execve", Errno.ENOENT), (refusal.Call, refusal.Errno));

            // And what does start needs more than that.
            var status = (await Container.RunAsync(
                new() { Command = ["true"], Seccomp = strictest, Init = init }, Token)).ExitStatus;
            Assert.Equal(Signal.SIGSYS, status.Signal);
        }
    }
}
