using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Security;

/// <content>What joins it, what outlives it, and how it ends.</content>
public sealed partial class RestrictedTests
{
    [Fact]
    public async Task What_is_executed_in_it_is_restricted_too_and_ends_with_it()
    {
        await using var container = await _host.StartAsync(Shell("exec sleep 1000"), Token);
        await using var other = await container.ExecAsync(
            new()
            {
                Command = ["sh", "-c", $"cat {_data.Path}/x /root/.profile || echo denied; echo x >$TMPDIR/x && echo own"],
                StandardOutput = StandardStream.Capture(ByteSize.KiB(1)),
            }, Token);

        Assert.Equal("denied\nown\n", (await other.WaitForResultAsync(Token)).StandardOutput);
        await using var lasting = await container.ExecAsync(new() { Command = ["sleep", "1000"] }, Token);
        await container.DisposeAsync();
        Assert.False(lasting.IsRunning);
    }

    [Fact]
    public async Task What_is_executed_in_it_has_its_directory_and_ends_when_its_program_does()
    {
        await using var container = await _host.StartAsync(
            Shell("exec cat") with { StandardInput = StandardStream.Pipe, SingleProcess = true }, Token);
        await using var other = await container.ExecAsync(
            new()
            {
                Command = ["sh", "-c", "echo >$HOME/x && echo >$TMPDIR/y && echo $OWN"],
                Environment = new Dictionary<string, string> { ["OWN"] = "own" },
                StandardOutput = StandardStream.Capture(ByteSize.KiB(1)),
            }, Token);
        Assert.Equal("own\n", (await other.WaitForResultAsync(Token)).StandardOutput);
        await using var lasting = await container.ExecAsync(new() { Command = ["sleep", "1000"] }, Token);

        await container.StandardInput!.DisposeAsync();

        Assert.True((await container.WaitAsync(Token)).IsSuccess);
        Assert.Equal(Signal.SIGKILL, (await lasting.WaitAsync(Token).WaitAsync(TimeFactor.Seconds(60), Token)).Signal);
        await Assert.ThrowsAsync<LaunchException>(() => container.ExecAsync(new() { Command = ["true"] }, Token));
    }

    [Fact]
    public async Task The_next_ones_directory_is_made_ahead_and_stays_no_longer_than_its_host()
    {
        using var temp = new TempDirectory();
        string[] there = ["env", $"TMPDIR={temp.Path}"];
        await using (var killed = HostProcess.StartThrough(there, "restricted", "sh", "-c", "echo up; exec sleep 1000"))
        {
            Assert.Equal("up", await killed.ReadLineAsync());
            await Eventually.Holds(() => Private(temp.Path).Count == 2, "There should be its own, and the next.");
            await killed.KillAsync();
        }

        await using var host = HostProcess.StartThrough(there, "restricted", "true");
        Assert.StartsWith("Restricted", await host.ReadLineAsync(), StringComparison.Ordinal);
        await host.Process.WaitForExitAsync(Token);
        Assert.Empty(Private(temp.Path));
    }

    [Theory]
    [InlineData("true", true)]
    [InlineData("rmdir $1", false)]
    [InlineData("echo 'exec sh' > $1/.profile", false)]
    [InlineData("chmod 777 $1", false)]
    [InlineData("mv $1 $2/away && ln -s $2/away $1", false)]
    [InlineData("mv $1 $2/away && mkdir -m 700 $1", false)]
    public async Task A_directory_that_was_made_ahead_serves_if_nobody_has_touched_it(string command, bool isTaken)
    {
        RestrictedStart.TakeDirectory().Dispose();
        using var temp = new TempDirectory();
        var before = Private(Path.GetTempPath());
        RestrictedStart.PrepareDirectory();
        var ahead = Assert.Single(Private(Path.GetTempPath()).Except(before));
        await Eventually.Holds(IsLater, "Older kernels stamp files by a clock that ticks.");
        Tools.Run("sh", "-ec", command, "sh", ahead, temp.Path);
        using (var taken = RestrictedStart.TakeDirectory())
        {
            Assert.Equal(isTaken, taken.FullPath == ahead);
            Assert.Empty(Directory.EnumerateFileSystemEntries(taken.FullPath));
        }

        Tools.Run("rm", "-rf", ahead); // another's, which is left to it

        bool IsLater() =>
            File.GetLastWriteTimeUtc(temp.Write("now", "")) > Directory.GetLastWriteTimeUtc(ahead);
    }

    [PythonFact]
    public async Task It_leads_a_process_group_which_its_supervisor_is_not_in()
    {
        var result = await _host.RunAsync(Python("""
            import os, signal
            print(os.getpgid(0) == os.getpid(), os.getsid(0) == os.getppid(), flush=True)
            os.kill(0, signal.SIGKILL)
            """) with { StandardOutput = StandardStream.Capture(ByteSize.KiB(1)) }, Token);
        Assert.Equal(("True True\n", Signal.SIGKILL), (result.StandardOutput, result.ExitStatus.Signal));
    }

    [PythonFact]
    public async Task What_outlives_it_and_fills_its_directory_does_not_hold_up_its_end()
    {
        var start = Stopwatch.GetTimestamp();
        var lines = (await OutputAsync(Python("""
            import itertools, os, time
            end, place, (ready, written) = time.monotonic() + 60, os.environ['TMPDIR'], os.pipe()
            here = os.open(place, os.O_RDONLY)
            print(place)
            for _ in range(60):
                child = os.fork()
                if child == 0:
                    for stream in range(3): os.close(stream)
                    for number in itertools.takewhile(lambda _: time.monotonic() < end, itertools.count()):
                        try: os.close(os.open(f'{os.getpid()}-{number}', os.O_CREAT, dir_fd=here))
                        except FileNotFoundError: os._exit(0)
                        if number == 100: os.write(written, b'x')
                    os._exit(0)
                print(child)
            for _ in range(60): os.read(ready, 1)
            """))).Split('\n');
        var took = Stopwatch.GetElapsedTime(start);
        foreach (var child in lines[1..].Select(int.Parse).Where(ProcessTree.IsAlive))
        {
            using var process = Process.GetProcessById(child);
            process.Kill();
        }

        await Eventually.Holds(() => !lines[1..].Select(int.Parse).Any(ProcessTree.IsAlive), "their end");
        using (var parent = Syscall.Open(Path.GetDirectoryName(lines[0])!, OpenFlags.O_PATH))
        {
            if (Directory.Exists(lines[0]))
            {
                HostileTree.Remove(parent, Encoding.UTF8.GetBytes(Path.GetFileName(lines[0]) + '\0'));
            }
        }

        Assert.InRange(took, TimeSpan.Zero, TimeFactor.Seconds(30));
    }

    [Fact]
    public async Task What_would_reach_the_hosts_files_by_the_container_is_refused()
    {
        await using var container = await _host.StartAsync(Shell("exec sleep 1000"), Token);

        Assert.Equal(Isolation.Restricted, container.Isolation);
        await Assert.ThrowsAsync<IsolationUnavailableException>(() => container.OpenReadAsync("/etc/shadow", Token));
        await Assert.ThrowsAsync<IsolationUnavailableException>(
            () => container.MountAsync(new BindMount("/root", "/root"), Token));
        Assert.Throws<ArgumentException>(() => container.OpenNamespaces(NamespaceKinds.Mount));
    }

    [Fact]
    public async Task A_spare_becomes_it_with_its_own_streams()
    {
        await using var host = new ContainerHost(new() { WithoutNamespaces = true, Spares = 1 });
        string[] spares = [];
        for (var (number, taken) = (0, 0); taken < 2; number++)
        {
            Assert.True(number < 100, "No spare was taken."); // one is seen a little sooner than it can be
            var result = await host.RunAsync(Shell($"echo $PPID; echo {number} >&2; cat /root/x"), Token);
            taken += spares.Contains(result.StandardOutput.TrimEnd()) ? 1 : 0;
            Assert.StartsWith($"{number}\ncat: ", result.StandardError, StringComparison.Ordinal);
            await Eventually.Holds(() => ProcessTree.Below(Environment.ProcessId).Count >= 2, "a spare");
            spares = [.. ProcessTree.Below(Environment.ProcessId).Select(process => $"{process.Id}")];
        }
    }

    [Fact]
    public async Task Who_joins_has_no_groups_and_no_terminal()
    {
        await using var container = await _host.StartAsync(Shell("exec sleep 1000"), Token);
        foreach (var (name, options) in new (string, ExecOptions)[]
        {
            (nameof(ExecOptions.Groups), new() { Command = ["true"], Groups = ["5"] }),
            (nameof(StandardStream.Terminal), new()
            {
                Command = ["true"],
                StandardInput = StandardStream.Terminal,
                StandardOutput = StandardStream.Terminal,
            }),
        })
        {
            var refused = await Assert.ThrowsAsync<IsolationUnavailableException>(
                () => container.ExecAsync(options, Token));
            Assert.Equal(name, Assert.Single(refused.Report, finding => !finding.IsAvailable).Name);
        }
    }

    [RootFact] // as nobody else may look into its supervisor
    public async Task Its_supervisor_keeps_nothing_of_the_plan_which_may_tell_of_secrets()
    {
        using var passed = File.OpenHandle("/dev/null");
        foreach (var descriptors in (SafeHandle[][])[[], [passed]]) // with the latter its child shares no memory
        {
            await using var container = await _host.StartAsync(
                Script.Shell("exec sleep 1000") with
                {
                    MinimumIsolation = Isolation.Restricted,
                    Environment = new Dictionary<string, string> { ["SECRET"] = new('s', 100_000) },
                    Descriptors = descriptors,
                },
                Token);
            var maps = $"/proc/{ProcessTree.Find(container.Pid)!.Value.Parent}/maps";

            await Eventually.Holds(
                () => !File.ReadLines(maps).Any(IsOfPlan), () => string.Join('\n', File.ReadLines(maps)));
        }
    }

    private static List<string> Private(string place) =>
        [.. Directory.EnumerateDirectories(place, "containerkit-private-*")];

    /// <summary>Whether it lies between the launcher's code and what the kernel places.</summary>
    private static bool IsOfPlan(string map) =>
        Convert.ToInt64(map.Split('-')[0], 16) is > 0x1000_0000 and < 0x10_0000_0000;
}
