using System.Text.RegularExpressions;

namespace ContainerKit.KernelTests;

/// <summary>A terminal of a program's own.</summary>
public class ProgramTerminalTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task All_standard_streams_are_one_terminal_of_the_programs_own(bool init)
    {
        await using var typist = await Typist.StartAsync(
            Typist.Shell("tty; tty <&1; tty <&2; stty size; ls -1A /proc/$$/fd; echo x >/dev/tty") with
            { Init = init });

        Assert.Equal("/dev/pts/0\r\n/dev/pts/0\r\n/dev/pts/0\r\n24 80\r\n0\r\n1\r\n2\r\nx\r\n",
            await typist.EndAsync());
        Assert.Equal(0, (await Eventually.Ends(typist.Program.WaitAsync(Token))).ExitCode);
        Assert.Null(typist.Program.StandardInput);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(132, 50)]
    [InlineData(65535, 65535)]
    public async Task It_has_the_size_it_was_asked_for(int columns, int rows)
    {
        await using var typist =
            await Typist.StartAsync(Typist.Shell("stty size") with { TerminalSize = new(columns, rows) });
        Assert.Equal($"{rows} {columns}\r\n", await typist.EndAsync());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_new_size_is_told_to_the_program(bool init)
    {
        await using var typist = await Typist.StartAsync(
            Typist.Shell("trap 'stty size' WINCH; echo up; while :; do sleep 0.01; done") with { Init = init });
        await typist.SeesAsync("up");
        typist.Terminal.Resize(new(100, 40));
        await typist.SeesAsync("40 100");
        typist.Terminal.Resize(new(65535, 1));
        await typist.SeesAsync("1 65535");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Control_C_interrupts_the_program_in_the_foreground(bool init)
    {
        await using var typist = await Typist.StartAsync(
            Typist.Shell("trap 'echo caught; exit 3' INT; echo up; while :; do sleep 0.01; done") with { Init = init });
        await typist.SeesAsync("up");
        await typist.TypeAsync("\x03");
        await typist.SeesAsync("caught");
        Assert.Equal(3, (await Eventually.Ends(typist.Program.WaitAsync(Token))).ExitCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_shell_has_job_control(bool init)
    {
        var options = Typist.At(new() { Command = ["bash", "--norc", "--noprofile", "-i"], Init = init });
        await using var typist =
            await Typist.StartAsync(options with { Environment = new Dictionary<string, string> { ["PS1"] = "$ " } });
        // no complaint
        Assert.Equal("", (await typist.SeesAsync("$ ")).Replace("\x1b[?2004h", "", StringComparison.Ordinal));
        await typist.TypeAsync("stty -echo; sleep 1000 & jobs\n");
        await typist.SeesAsync("Running");
        await typist.TypeAsync("fg\n");
        await typist.SeesAsync("sleep 1000");
        await Eventually.Holds(() => Foreground(typist) == "sleep", "It should be in the foreground.");
        await typist.TypeAsync("\x1a");
        await typist.SeesAsync("Stopped");
        await typist.TypeAsync("grep -h '(sleep)' /proc/[0-9]*/stat; kill %1; kill -CONT %1; wait; echo do''ne\n");
        Assert.Matches(@"\(sleep\) T \d+ \d+ \d+ 34816 ", await typist.SeesAsync("done"));
        await typist.TypeAsync("exit 5\n");
        Assert.Equal(5, (await Eventually.Ends(typist.Program.WaitAsync(Token))).ExitCode);
    }

    [Fact]
    public async Task What_is_typed_is_echoed_and_a_line_can_be_ended()
    {
        await using var typist = await Typist.StartAsync("cat; echo end");
        await typist.TypeAsync("one\n");
        await typist.SeesAsync("one\r\none\r\n");
        await typist.TypeAsync("\x04");
        Assert.Equal("end\r\n", await typist.EndAsync());
    }

    [Fact]
    public async Task Its_user_owns_it()
    {
        await using var typist = await Typist.StartAsync(
            Typist.Shell("stat -c '%u %a' /dev/pts/0; id -u; echo >/dev/pts/0") with { User = "7" });
        Assert.Equal("7 620\r\n7\r\n\r\n", await typist.EndAsync());
    }

    [Fact]
    public async Task Errors_can_go_elsewhere()
    {
        await using var container = await Container.StartAsync(
            Typist.Shell("echo out; echo err >&2") with
            { StandardError = StandardStream.Capture(ByteSize.KiB(1)) }, Token);
        using var output = new StreamReader(container.Terminal!);

        Assert.Equal("out\r\n", await Eventually.Ends(output.ReadToEndAsync(Token)));
        Assert.Equal("err\n", (await container.WaitForResultAsync(Token)).StandardError);
    }

    [Fact]
    public async Task It_is_the_containers_whatever_is_mounted_over_its_place()
    {
        await using var typist = await Typist.StartAsync(
            Typist.Shell("test -t 0 && stty size; ls -A /dev/pts; echo >/dev/tty") with
            { Mounts = [new TmpfsMount("/dev/pts")] });

        Assert.Equal("24 80\r\n\r\n", await typist.EndAsync());
    }

    [Fact]
    public async Task Descriptors_can_be_passed_beside_it()
    {
        using var temp = new TempDirectory();
        using var file = File.OpenHandle(temp.Write("file", "passed"));
        await using var typist = await Typist.StartAsync(
            Typist.Shell("cat <&3; echo; ls -1A /proc/$$/fd; tty") with { Descriptors = [file, file] });

        Assert.Equal("passed\r\n0\r\n1\r\n2\r\n3\r\n4\r\n/dev/pts/0\r\n", await typist.EndAsync());
    }

    [Fact]
    public async Task A_spare_makes_it_too()
    {
        await using var host = new ContainerHost(new() { Spares = 1 });
        for (var i = 0; i < 3; i++)
        {
            (await host.RunAsync(Script.Shell("true"), Token)).EnsureSuccess();
            await Eventually.Holds(
                () => ProcessTree.ChildrenOf(Environment.ProcessId)
                    .Exists(child => ProcessTree.ChildrenOf(child.Id) is [{ State: 'S' }]), "There should be a spare.");
            await using var container =
                await host.StartAsync(Typist.Shell("tty; stty size") with { TerminalSize = new(9, i + 1) }, Token);
            using var output = new StreamReader(container.Terminal!);
            Assert.Equal($"/dev/pts/0\r\n{i + 1} 9\r\n", await Eventually.Ends(output.ReadToEndAsync(Token)));
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_further_program_in_a_container_has_one_of_its_own(bool init)
    {
        await using var first = await Typist.StartAsync(Typist.Shell("echo up; sleep 1000") with { Init = init });
        await first.SeesAsync("up");
        await using var typist = await Typist.ExecAsync((Container)first.Program, new()
        {
            Command = ["sh", "-c",
                "trap 'echo caught; exit 3' INT; trap 'stty size' WINCH; tty; stty size; while :; do sleep 0.01; done"],
            TerminalSize = new(9, 7),
        });
        await typist.SeesAsync("/dev/pts/1\r\n7 9\r\n");
        typist.Terminal.Resize(new(100, 40));
        await typist.SeesAsync("40 100\r\n");
        await typist.TypeAsync("\x03");
        Assert.Equal("^Ccaught\r\n", await typist.EndAsync());
        Assert.Equal(3, (await Eventually.Ends(typist.Program.WaitAsync(Token))).ExitCode);
        await typist.DisposeAsync();
        Assert.False(first.Program.WaitAsync(Token).IsCompleted);
    }

    [Fact]
    public async Task A_further_program_takes_no_other_file_for_one()
    {
        var options = Script.Shell("mkfifo /dev/pts/ptmx; touch /tmp/up; sleep 1000") with
        { Mounts = [new TmpfsMount("/dev/pts")] };
        await using var container = await Container.StartAsync(options, Token);
        await Eventually.Holds(() => File.Exists($"/proc/{container.Pid}/root/tmp/up"), "It should make the file.");
        var failure =
            await Assert.ThrowsAsync<LaunchException>(() => Typist.ExecAsync(container, new() { Command = ["true"] }));
        Assert.Equal(("ioctl", Errno.ENOTTY), (failure.Call, failure.Errno));
    }

    [Fact]
    public async Task Disposing_hangs_the_program_up()
    {
        await using var container = await Container.StartAsync(
            Typist.Shell("trap 'exit 6' HUP; echo up; while :; do sleep 0.01; done"), Token);
        Assert.True(await container.Terminal!.ReadAsync(new byte[10], Token) > 0);
        await container.Terminal.DisposeAsync();
        Assert.Equal(6, (await Eventually.Ends(container.WaitAsync(Token))).ExitCode);
        Assert.Throws<ObjectDisposedException>(() => container.Terminal.Resize(new(80, 24)));
        await Assert.ThrowsAsync<ObjectDisposedException>(() =>
            container.Terminal.ReadAsync(new byte[1], Token).AsTask());
    }

    [Fact]
    public async Task A_size_that_is_none_is_refused()
    {
        await using var typist = await Typist.StartAsync("read line");
        foreach (var size in new TerminalSize[]
            { default, new(0, 24), new(80, 0), new(-1, 24), new(80, 65536), new(int.MaxValue, int.MinValue) })
        {
            Assert.Throws<ArgumentException>(() => typist.Terminal.Resize(size));
            Assert.Contains("TerminalSize", (await Assert.ThrowsAsync<ArgumentException>(
                () => Container.StartAsync(Typist.Shell("true") with { TerminalSize = size }, Token))).Message,
                    StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_new_size_for_a_program_that_ended_is_refused_with_why()
    {
        await using var typist = await Typist.StartAsync("true");
        await Eventually.Ends(typist.Program.WaitAsync(Token));
        await Eventually.Ends(typist.EndAsync());
        var failure = Assert.Throws<LinuxException>(() => typist.Terminal.Resize(new(80, 24)));
        Assert.Equal(Errno.EIO, failure.Errno);
        Assert.Contains("the program has ended", failure.Message, StringComparison.Ordinal);
        Assert.Equal(Errno.EIO, (await Assert.ThrowsAsync<LinuxException>(() => typist.TypeAsync("x"))).Errno);
    }

    [Fact]
    public async Task A_terminal_on_one_stream_alone_and_in_a_run_is_refused()
    {
        var (terminal, shell) = (StandardStream.Terminal, Script.Shell("true"));
        foreach (var bad in new ContainerOptions[]
        {
            shell with { StandardInput = terminal },
            shell with { StandardOutput = terminal },
            shell with { StandardError = terminal },
            shell with { StandardInput = terminal, StandardError = terminal },
            shell with { StandardOutput = terminal, StandardError = terminal },
            shell with { StandardInput = terminal, StandardOutput = StandardStream.Pipe },
        })
        {
            Assert.Contains(
                "Terminal",
                (await Assert.ThrowsAsync<ArgumentException>(() => Container.StartAsync(bad, Token))).Message,
                StringComparison.Ordinal);
        }

        Assert.Contains("StartAsync", (await Refusal.OfOptionsAsync(Typist.Shell("true"))).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nothing_is_left_of_it_or_of_a_start_that_failed()
    {
        var leftovers = await Leftovers.Before();
        for (var i = 0; i < 20; i++)
        {
            await using var typist =
                await Typist.StartAsync(Typist.Shell("sleep 1000 & echo up; wait") with { Init = i % 2 == 0 });
            await typist.SeesAsync("up");
            await Assert.ThrowsAsync<LaunchException>(() =>
                Container.StartAsync(Typist.At(new() { Command = ["/missing"] }), Token));
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(i / 5.0));
            try
            {
                await (await Container.StartAsync(Typist.Shell("sleep 1000"), cancellation.Token)).DisposeAsync();
            }
            catch (OperationCanceledException)
            {
                // or it was too late
            }
        }

        await leftovers.AssertNone();
    }

    [Fact]
    public void A_plan_says_what_is_done_to_it()
    {
        var plan = Container.Explain(Typist.Shell("true"));
        var steps =
            Regex.Replace(
                plan[plan.IndexOf("Program:", StringComparison.Ordinal)..plan.IndexOf(
                    "execve", StringComparison.Ordinal)], @"\$\d+|\[\+\d+\]", "$");
        Assert.Equal(
            """
            Program:
              setsid()
              $ = openat($, "ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC, 0)
              ioctl($, TIOCSPTLCK)
              ioctl($, TIOCSWINSZ)
              $ = ioctl($, TIOCGPTPEER)
              sendmsg(4, 0)
              ioctl($, TIOCSCTTY)
              dup3($, 0, 0)
              dup3($, 1, 0)
              dup3($, 2, 0)
            """, steps[..steps.IndexOf("\n  rt_sigprocmask", StringComparison.Ordinal)]);
    }

    private static string Foreground(Typist typist)
    {
        var fields = File.ReadAllText($"/proc/{typist.Program.Pid}/stat").Split(") ")[1].Split(' ');
        // tpgid, as this process sees it
        var group = int.Parse(fields[5], System.Globalization.CultureInfo.InvariantCulture);
        return ProcessTree.Find(group)?.Name ?? "";
    }
}
