using System.Text;
using System.Text.RegularExpressions;

namespace ContainerKit.KernelTests;

/// <summary>Further programs in a container that runs.</summary>
public class ExecTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task CVE_2022_29162_It_sees_and_may_what_the_containers_program_does(bool init)
    {
        const string look = """
            for kind in cgroup ipc mnt net pid user uts; do readlink /proc/self/ns/$kind; done
            hostname; pwd; umask; id -u; id -G; ls /; cat /tmp/left; ulimit -n -u -c
            grep -E '^(Cap|Groups|NoNewPrivs|Seccomp|Uid|Gid)' /proc/self/status
            """;
        var options = Script.Shell($"echo here > /tmp/left; {look}; echo up; sleep 1000") with
        {
            Init = init,
            Namespaces = NamespaceKinds.All,
            ResourceLimits = [new(Resource.RLIMIT_NOFILE, 77, 77)],
            StandardOutput = StandardStream.Pipe,
        };
        using var groups = new FurtherGroups();
        await using var container = await Container.StartAsync(options, Token);
        using var output = new StreamReader(container.StandardOutput!);
        var seen = "";
        for (var line = await output.ReadLineAsync(Token); line != "up"; line = await output.ReadLineAsync(Token))
        {
            seen += $"{line}\n";
        }

        Assert.Equal(seen, await OutputAsync(container, look));
        Assert.True(!Host.IsRoot || seen.Contains("\nGroups:\t \n", StringComparison.Ordinal), seen);
    }

    [Fact]
    public async Task It_has_options_of_its_own()
    {
        await using var container = await StartAsync();
        var options = Shell("pwd; umask; echo $A-$B; ulimit -n; ls /proc/self/fd | wc -l; cat <&3; cat") with
        {
            WorkingDirectory = "/usr/lib",
            Umask = 0x1F, // 037
            Environment = new Dictionary<string, string> { ["A"] = "1" },
            ResourceLimits = [new(Resource.RLIMIT_NOFILE, 55, 55)],
            StandardInput = StandardStream.Pipe,
            Descriptors = [File.OpenHandle("/etc/debian_version")],
        };
        await using var process = await container.ExecAsync(options, Token);
        await process.StandardInput!.WriteAsync("typed\n"u8.ToArray(), Token);
        await process.StandardInput!.DisposeAsync();
        var result = await Eventually.Ends(process.WaitForResultAsync(Token));

        Assert.Equal($"/usr/lib\n0037\n1-\n55\n5\n{File.ReadAllText("/etc/debian_version")}typed\n",
            result.StandardOutput);
    }

    [RootFact]
    public async Task Where_there_are_more_users_it_can_be_another()
    {
        var all = Script.Shell("sleep 1000") with { IdMap = IdMap.Identity, MaxProcesses = null, User = "1000" };
        await using var container = await Container.StartAsync(all, Token);

        Assert.Equal("12 13 13 14", await OutputAsync(
            container, Shell("echo $(id -u) $(id -g) $(id -G)") with { User = "12:13", Groups = ["14"] }));
    }

    [Fact]
    public async Task CVE_2026_30892_A_bad_user_is_refused()
    {
        await using var container = await StartAsync();
        foreach (var user in new[] { "", "1000:", ":5", "+1", "4294967296", "-1", "1", "nobody", "daemon" })
        {
            await Assert.ThrowsAsync<ArgumentException>(() =>
                container.ExecAsync(Shell("true") with { User = user }, Token));
        }
    }

    [Fact]
    public async Task It_is_told_apart_how_it_ended()
    {
        await using var container = await StartAsync();
        await using var failing = await container.ExecAsync(Shell("exit 7"), Token);
        await using var slow =
            await container.ExecAsync(Shell("sleep 1000") with { Timeout = TimeSpan.FromMilliseconds(50) }, Token);
        await using var signalled = await container.ExecAsync(Shell("sleep 1000"), Token);
        signalled.SendSignal(Signal.SIGTERM);

        Assert.Equal(7, (await Eventually.Ends(failing.WaitAsync(Token))).ExitCode);
        Assert.True((await Eventually.Ends(slow.WaitAsync(Token))).TimedOut);
        Assert.Equal(Signal.SIGTERM, (await Eventually.Ends(signalled.WaitAsync(Token))).Signal);
        Assert.True(container.IsRunning);
    }

    [Fact]
    public async Task A_program_that_is_not_there_is_a_failed_start()
    {
        await using var container = await StartAsync();
        var before = await Leftovers.Before();
        var refusal = await Assert.ThrowsAsync<LaunchException>(() =>
            container.ExecAsync(new() { Command = ["/no/such"] }, Token));
        await before.AssertNone();

        Assert.Equal(("execve", Errno.ENOENT), (refusal.Call, refusal.Errno));
        await Assert.ThrowsAsync<ArgumentException>(() => container.ExecAsync(new() { Command = [] }, Token));
        Assert.Equal("fine", await OutputAsync(container, "echo fine"));
    }

    [Fact]
    public async Task CVE_2024_21626_A_working_directory_cannot_be_a_leaked_descriptor()
    {
        await using var container = await StartAsync();
        await OutputAsync(container, "ln -s /proc/self/fd/6 /tmp/six; ln -s /proc/self/fd /tmp/all");
        foreach (var directory in Enumerable.Range(3, 48).Select(number => $"/proc/self/fd/{number}").Append("/tmp/six")
            .Append("/tmp/all/6"))
        {
            var refusal = await Assert.ThrowsAsync<LaunchException>(() =>
                container.ExecAsync(Shell("true") with { WorkingDirectory = directory }, Token));
            Assert.Contains("the working directory", $"{refusal.Message}", StringComparison.Ordinal);
        }

        Assert.Equal("0\n1\n2\n3\n", (await OutputAsync(container, "ls /proc/self/fd")) + "\n"); // 3 is that of ls
    }

    /// <summary>
    /// By these names the program is the launcher, which has nothing to do: no plan is passed on to it.
    /// </summary>
    [Fact]
    public async Task CVE_2019_5736_Executed_as_itself_it_does_nothing()
    {
        await using var container = await StartAsync();
        await OutputAsync(container, "printf '#!/proc/self/exe 3\n' >/tmp/script; chmod +x /tmp/script");
        foreach (var program in new[] { "/proc/self/exe", "/tmp/script" })
        {
            await using var process = await container.ExecAsync(new() { Command = [program] }, Token);
            Assert.Equal(125, (await Eventually.Ends(process.WaitAsync(Token))).ExitCode);
        }

        Assert.Equal("alive", await OutputAsync(container, "echo alive"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_ends_with_the_container_even_when_it_is_stopped(bool init)
    {
        var before = await Leftovers.Before();
        var container = await Container.StartAsync(Script.Shell("sleep 1000") with { Init = init }, Token);
        await using var process = await container.ExecAsync(Shell("kill -STOP $$"), Token);
        await Eventually.Holds(() => File.ReadAllText($"/proc/{process.Pid}/stat")
            .Contains(") T ", StringComparison.Ordinal), "It should stop.");
        await Eventually.Ends(container.DisposeAsync().AsTask(), seconds: 2);

        Assert.Equal(Signal.SIGKILL, (await Eventually.Ends(process.WaitAsync(Token))).Signal);
        await process.DisposeAsync();
        await before.AssertNone();
        var refusal = await Assert.ThrowsAsync<LaunchException>(() => container.ExecAsync(Shell("true"), Token));
        Assert.Equal(Errno.ESRCH, refusal.Errno);
        Assert.Contains("has ended", refusal.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_container_that_is_ending_says_so()
    {
        var before = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(50, soak: 2000); i++)
        {
            await using var container = await Container.StartAsync(Script.Shell($"sleep 0.00{i % 10}"), Token);
            try
            {
                for (var more = true; more;)
                {
                    await using var process = await container.ExecAsync(Shell("true"), Token);
                    var status = await Eventually.Ends(process.WaitAsync(Token));
                    more = status.IsSuccess;
                    Assert.True(more || status.Signal is Signal.SIGKILL, $"{status}");
                }
            }
            catch (LaunchException refusal)
            {
                Assert.Contains("has ended", refusal.Message, StringComparison.Ordinal);
            }
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task It_runs_while_PID_1_is_stopped()
    {
        await using var container = await StartAsync();
        var pidOne = ProcessTree.Find(container.Pid)!.Value.Parent;
        using var stop = System.Diagnostics.Process.Start("sh", ["-c", $"kill -STOP {pidOne}"]);
        await stop.WaitForExitAsync(Token);

        Assert.Equal("fine", await OutputAsync(container, "echo fine"));
        await Eventually.Ends(container.DisposeAsync().AsTask(), seconds: 2);
    }

    [Fact]
    public async Task Cancelling_leaves_nothing_of_it()
    {
        await using var container = await StartAsync();
        var before = await Leftovers.Before();
        for (var i = 0; i < 20; i++)
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMicroseconds(i * 200));
            try
            {
                await using var process = await container.ExecAsync(Shell("exec sleep 1000"), cancellation.Token);
            }
            catch (OperationCanceledException)
            {
                // As it should.
            }
        }

        await before.AssertNone();
        Assert.Equal("fine", await OutputAsync(container, "echo fine"));
    }

    [Fact]
    public async Task A_thousand_leave_nothing_behind()
    {
        await using var container = await StartAsync();
        await OutputAsync(container, "true");
        var before = await Leftovers.Before();
        await Parallel.ForAsync(
            0, TimeFactor.Times(100, soak: 1000), new ParallelOptions { MaxDegreeOfParallelism = 8 }, async (i, _) =>
            Assert.Equal($"{i}", await OutputAsync(container, $"echo {i}")));
        await before.AssertNone();
    }

    /// <summary>Tries at whatever comes into the container; what it got hold of shows what that was then.</summary>
    private const string Spy = """
        import ctypes, os
        libc = ctypes.CDLL(None, use_errno=True)
        known, got = set(os.listdir('/proc')), set()
        def note(what, call):
            try:
                found = call()
                if found is not None: got.add(what + ': ' + found)
            except OSError: pass
        print('up', flush=True)
        while not os.path.exists('/tmp/enough'):
            for process in set(os.listdir('/proc')) - known:
                path = '/proc/' + process + '/'
                for link in 'exe', 'root', 'cwd': note(link, lambda: os.readlink(path + link))
                note('environ', lambda: open(path + 'environ').read())
                for number in range(3, 9): note('descriptor', lambda: os.readlink(path + 'fd/%d' % number))
                if libc.ptrace(0x4206, int(process), 0, 0) == 0:
                    note('traced', lambda: os.readlink(path + 'exe'))
            note("", lambda: [os.waitpid(-1, os.WNOHANG | 0x40000000)][1:] or None)
        print('\n'.join(sorted(got)), flush=True)
        """;

    [PythonFact]
    public async Task CVE_2016_9962_CVE_2019_5736_Nothing_of_the_host_comes_in_with_it()
    {
        var spy = Script.Python(Spy) with { StandardOutput = StandardStream.Pipe };
        await using var container = await Container.StartAsync(spy, Token);
        using var output = new StreamReader(container.StandardOutput!);
        Assert.Equal("up", await output.ReadLineAsync(Token));
        for (var i = 0; i < TimeFactor.Times(200, soak: 3000); i++)
        {
            await using var process = await container.ExecAsync(new() { Command = ["/usr/bin/sleep", "0.002"] }, Token);
            await Eventually.Ends(process.WaitAsync(Token));
        }

        // which it may trace, and take along
        await using var last = await container.ExecAsync(Shell("touch /tmp/enough"), Token);
        var got =
            (await Eventually.Ends(output.ReadToEndAsync(Token))).Split('\n', StringSplitOptions.RemoveEmptyEntries);

        // Of the programs it may see all: they are in the same container.
        Assert.Contains("exe: /usr/bin/sleep", got);
        var ofPrograms = new Regex(
            "^(root: /|cwd: /|environ: ((HOME=/tmp|PATH=/usr/[a-z/:]*|PWD=/)\0)*|(exe|traced): "
                + "/usr/bin/(sleep|dash|touch)"
            + "|descriptor: /(tmp/enough|etc/ld[.]so[.]cache|(usr/)?lib/[^ ]*))$");
        Assert.DoesNotContain(got, line => !ofPrograms.IsMatch(line));
    }

    /// <summary>A tracer keeps the end of what it traces from the parent, for as long as it does not wait.</summary>
    [PythonFact]
    public async Task A_tracer_in_the_container_cannot_keep_it_alive()
    {
        var before = await Leftovers.Before();
        var tracer = Script.Python("""
            import ctypes, sys, time
            print(ctypes.CDLL(None).ptrace(0x4206, int(input()), 0, 0), flush=True)
            time.sleep(1000)
            """) with { StandardInput = StandardStream.Pipe, StandardOutput = StandardStream.Pipe };
        await using (var container = await Container.StartAsync(tracer, Token))
        {
            var options = Shell("echo $$; exec cat") with
            {
                StandardInput = StandardStream.Pipe,
                StandardOutput = StandardStream.Pipe,
                StopTimeout = TimeSpan.FromMilliseconds(100),
            };
            var process = await container.ExecAsync(options, Token);
            using var output = new StreamReader(process.StandardOutput!);
            await container.StandardInput!.WriteAsync(
                Encoding.UTF8.GetBytes($"{await output.ReadLineAsync(Token)}\n"), Token);
            using var traced = new StreamReader(container.StandardOutput!);
            Assert.Equal("0", await traced.ReadLineAsync(Token));
            await process.StandardInput!.DisposeAsync();
            await Eventually.Ends(process.StopAsync(Token), seconds: 2);
            await process.DisposeAsync(); // not where it fails: that would wait for the tracer's end
        }

        await before.AssertNone();
    }

    [PythonFact]
    public async Task A_sibling_that_it_makes_its_supervisors_child_does_not_end_in_its_place()
    {
        await using var container = await Container.StartAsync(Script.Python("input()") with
        {
            StandardInput = StandardStream.Pipe,
        }, Token);
        var process = await container.ExecAsync(
            new()
            {
                Command =
                [
                    "/usr/bin/python3", "-I", "-c", """
                    import ctypes, os, platform, time
                    libc = ctypes.CDLL(None)
                    CLONE_PARENT, SIGCHLD, PTRACE_SEIZE, PR_SET_PTRACER = 0x8000, 17, 0x4206, 0x59616d61
                    clone = 56 if platform.machine() == 'x86_64' else 220
                    if libc.syscall(clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0) == 0: os._exit(0)
                    libc.prctl(PR_SET_PTRACER, ctypes.c_ulong(-1))
                    program = os.getpid()
                    if os.fork() == 0:
                        print(libc.ptrace(PTRACE_SEIZE, program, 0, 0), flush=True)
                    time.sleep(1000)
                    """,
                ],
                StandardOutput = StandardStream.Pipe,
            }, Token);
        await using var disposed = process;
        using var traced = new StreamReader(process.StandardOutput!);
        Assert.Equal("0", await traced.ReadLineAsync(Token));
        process.SendSignal(Signal.SIGKILL);

        Assert.Equal(Signal.SIGKILL, (await Eventually.Ends(process.WaitAsync(Token))).Signal);
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static Task<Container> StartAsync() => Container.StartAsync(Script.Shell("sleep 1000"), Token);

    private static ExecOptions Shell(string script) => new()
    {
        Command = ["sh", "-c", script],
        StandardOutput = StandardStream.Capture(ByteSize.MiB(1)),
        StandardError = StandardStream.Capture(ByteSize.MiB(1)),
    };

    private static Task<string> OutputAsync(Container container, string script) =>
        OutputAsync(container, Shell(script));

    private static async Task<string> OutputAsync(Container container, ExecOptions options)
    {
        await using var process = await container.ExecAsync(options, Token);
        var result = await Eventually.Ends(process.WaitForResultAsync(Token));
        Assert.True(
            result.ExitStatus.IsSuccess, $"{result.ExitStatus}\n{result.StandardOutput}\n{result.StandardError}");
        return options.Command[^1].Contains('\n', StringComparison.Ordinal)
            ? result.StandardOutput
            : result.StandardOutput.TrimEnd('\n');
    }
}
