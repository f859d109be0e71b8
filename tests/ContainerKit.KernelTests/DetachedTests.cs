using System.Globalization;

namespace ContainerKit.KernelTests;

/// <summary>Containers that outlive the process that started them.</summary>
public sealed partial class DetachedTests : IAsyncDisposable
{
    private readonly TempDirectory _temp = new();
    private readonly ContainerHost _host;

    public DetachedTests() => _host = new(new() { StateDirectory = _temp["state"] });

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static ContainerOptions Sleeper => new() { Command = ["sleep", "1000"] };

    public async ValueTask DisposeAsync()
    {
        foreach (var left in await _host.ListAsync())
        {
            await _host.RemoveAsync(left.Id);
        }

        await _host.DisposeAsync();
        _temp.Dispose();
    }

    [Fact]
    public async Task A_container_outlives_its_host_and_another_process_lists_executes_waits_and_removes()
    {
        await using var starter = HostProcess.Start(
            "detach", _temp["state"], "web-1", "echo up; trap 'echo asked; exit 7' TERM; while :; do sleep 0.01; done");
        await starter.ReadLineAsync();
        await starter.WriteLineAsync("");
        var pid = int.Parse(await starter.ReadLineAsync(), CultureInfo.InvariantCulture);
        await starter.KillAsync();

        Assert.Equal(
            ("web-1", ContainerState.Running, pid),
            (await _host.ListAsync(Cancelled)).Select(info => (info.Id, info.State, info.Pid)).Single());
        await using var container = await _host.AttachAsync("web-1", Cancelled);
        Assert.Equal(pid, container.Pid);
        await using (var executed = await container.ExecAsync(
            new() { Command = ["cat", "/proc/1/cmdline"], StandardOutput = StandardStream.Capture(ByteSize.KiB(1)) },
            Cancelled))
        {
            Assert.Equal("containerkit\0", (await executed.WaitForResultAsync(Cancelled)).StandardOutput);
        }

        Assert.Equal(7, (await Eventually.Ends(container.StopAsync(Cancelled))).ExitCode);
        var info = (await _host.ListAsync(Cancelled)).Single();
        Assert.Equal((ContainerState.Exited, 7, 0), (info.State, info.ExitStatus?.ExitCode, info.Pid));
        Assert.InRange(info.EndedAt!.Value, info.CreatedAt, DateTimeOffset.UtcNow);
        await Eventually.Holds(
            () => File.ReadAllText(container.StandardOutputPath!) == "up\nasked\n", "The log should be whole.");

        // How it ended is kept until it is removed, for who attaches later, too.
        await using (var later = await _host.AttachAsync("web-1", Cancelled))
        {
            Assert.Equal(7, (await later.WaitAsync(Cancelled)).ExitCode);
            Assert.Equal(0, later.Pid);
            var gone = await Assert.ThrowsAsync<LaunchException>(
                () => later.ExecAsync(new() { Command = ["true"] }, Cancelled));
            Assert.Equal(Errno.ESRCH, gone.Errno);
            await later.RemoveAsync(Cancelled);
            await later.RemoveAsync(Cancelled);
        }

        Assert.Empty(await _host.ListAsync(Cancelled));
    }

    [Fact]
    public async Task A_killed_supervisor_takes_the_container_along_and_its_end_is_lost()
    {
        await using var container = await _host.StartDetachedAsync("lost", Sleeper, Cancelled);
        var supervisor = ProcessTree.Find(ProcessTree.Find(container.Pid)!.Value.Parent)!.Value.Parent;
        ContainerKit.Linux.Syscall.Kill(supervisor);

        var failure = await Assert.ThrowsAsync<LaunchException>(() => Eventually.Ends(container.WaitAsync(Cancelled)));
        Assert.Contains("killed from outside", failure.Message, StringComparison.Ordinal);
        await Eventually.Gone(container.Pid);
        Assert.Equal(ContainerState.Lost, (await _host.ListAsync(Cancelled)).Single().State);
    }

    [Fact]
    public async Task A_log_keeps_the_newest_and_holds_up_nobody()
    {
        await using var container = await _host.StartDetachedAsync(
            "logs",
            Script.Shell("i=0; while [ $i -lt 5000 ]; do echo line $i; echo error $i >&2; i=$((i+1)); done") with
            {
                StandardOutput = StandardStream.Log(ByteSize.KiB(4)),
                StandardError = StandardStream.Log(ByteSize.MiB(1)),
            },
            Cancelled);
        Assert.True((await Eventually.Ends(container.WaitAsync(Cancelled))).IsSuccess);

        var path = container.StandardOutputPath!;
        await Eventually.Holds(
            () => File.Exists(path) && File.ReadAllText(path).EndsWith("line 4999\n", StringComparison.Ordinal),
            "The last line is missing.");
        Assert.Equal(4096, new FileInfo($"{path}.1").Length);
        Assert.InRange(new FileInfo(path).Length, 1, 4096);
        var kept = File.ReadAllText($"{path}.1") + File.ReadAllText(path); // nothing is missing in between
        Assert.EndsWith(
            kept[(kept.IndexOf('\n') + 1)..], string.Concat(Enumerable.Range(0, 5000).Select(i => $"line {i}\n")),
            StringComparison.Ordinal);
        Assert.Equal(
            string.Concat(Enumerable.Range(0, 5000).Select(i => $"error {i}\n")),
            File.ReadAllText(container.StandardErrorPath!));
        Assert.Equal("stderr.log", Path.GetFileName(container.StandardErrorPath!));
    }

    [RootFact]
    public async Task A_full_disk_loses_no_status_and_holds_up_no_program()
    {
        Directory.CreateDirectory(_temp["small"]);
        await using var starter = HostProcess.StartThrough(
            ["unshare", "--mount", "--propagation", "private", "sh", "-ec",
                $"mount -t tmpfs -o size=24k,mode=0700 small {_temp["small"]}; exec \"$@\"", "sh"],
            "detach", _temp["small"], "full", "yes | head -c 1000000; exit 3");
        await starter.ReadLineAsync();
        await starter.WriteLineAsync("");
        var pid = int.Parse(await starter.ReadLineAsync(), CultureInfo.InvariantCulture);
        await Eventually.Gone(pid);

        var inside = $"/proc/{ProcessTree.Below(starter.Process.Id).Append(ProcessTree.Find(starter.Process.Id)!.Value)
            .Last(process => process.Name.StartsWith("ContainerKit.Te", StringComparison.Ordinal)).Id}/root";
        var status = $"{inside}{_temp["small"]}/containers/full/status";
        await Eventually.Holds(() => File.ReadAllBytes(status)[32] == 3, "The end is missing.");
        Assert.Equal(3, BitConverter.ToInt32(File.ReadAllBytes(status), 28) >> 8);
    }

    [Fact]
    public async Task Ids_and_changes_stay_reserved_while_it_lives()
    {
        using var root = new RootDirectory();
        Directory.CreateDirectory(_temp["changes"]);
        var options = root.Options with
        {
            Command = ["sleep", "1000"],
            Root = RootFilesystem.Directory(root.Path, CopyOnWrite.In(_temp["changes"])),
        };
        File.SetUnixFileMode(_temp["changes"], (UnixFileMode)0x1C0); // 0700
        await using (var starter = new ContainerHost(new() { StateDirectory = _temp["state"] }))
        {
            await using var container = await starter.StartDetachedAsync("kept", options, Cancelled);
        }

        var refusal = await Assert.ThrowsAsync<ArgumentException>(() => _host.RunAsync(options, Cancelled));
        Assert.Contains("another container", refusal.Message, StringComparison.Ordinal);
        await _host.RemoveAsync("kept", Cancelled);
        await _host.RunAsync(options with { Command = ["true"] }, Cancelled);
        File.SetUnixFileMode(_temp["changes/work/work"], (UnixFileMode)0x1C0); // 0700, or it could not be removed
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task Automatic_ids_are_nobody_elses_while_it_lives_and_programs_can_be_executed_with_them()
    {
        await using (var starter = new ContainerHost(new() { StateDirectory = _temp["state"] }))
        {
            await using var started = await starter.StartDetachedAsync(
                "ids", Sleeper with { IdMap = IdMap.Automatic(), User = "5" }, Cancelled);
        }

        await using var container = await _host.AttachAsync("ids", Cancelled);
        var own = TestIds.Lines($"/proc/{container.Pid}/uid_map").Single();
        await using var executed = await container.ExecAsync(
            new() { Command = ["id", "-u"], User = "6", StandardOutput = StandardStream.Capture(ByteSize.KiB(1)) },
            Cancelled);
        Assert.Equal("6\n", (await executed.WaitForResultAsync(Cancelled)).StandardOutput);
        try
        {
            await using var other = await _host.StartAsync(Sleeper with { IdMap = IdMap.Automatic() }, Cancelled);
            Assert.NotEqual(own, TestIds.Lines($"/proc/{other.Pid}/uid_map").Single());
        }
        catch (LaunchException exhausted) when (exhausted.Errno is Errno.EAGAIN)
        {
            // An ordinary user with one block has none left, which is the same.
        }
    }

    [Fact]
    public async Task Who_watches_the_host_is_told_what_happens_in_order()
    {
        using var source = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        await using var host = new ContainerHost(new() { StateDirectory = _temp["state"] });
        var events = host.WatchAsync(source.Token);
        await host.RunAsync(Script.Shell("exit 3"), Cancelled);
        int live;
        await using (var container = await host.StartAsync(Sleeper, Cancelled))
        {
            live = container.Pid;
        }

        await using var detached = await host.StartDetachedAsync("watched", Sleeper, Cancelled);
        await detached.RemoveAsync(Cancelled);
        await Assert.ThrowsAsync<LaunchException>(
            () => host.RunAsync(new() { Command = ["no-such-program"] }, Cancelled)); // of which nothing is told
        await host.DisposeAsync();

        var told = await Eventually.Ends(events.ToListAsync(Cancelled).AsTask());
        Assert.Equal(
            [ContainerEventKind.Started, ContainerEventKind.Exited, ContainerEventKind.Started,
                ContainerEventKind.Exited, ContainerEventKind.Started, ContainerEventKind.Exited],
            told.Select(happened => happened.Kind));
        Assert.Equal(3, told[1].ExitStatus?.ExitCode);
        Assert.Equal(told[0].Pid, told[1].Pid);
        Assert.Equal((live, Signal.SIGKILL), (told[3].Pid, told[3].ExitStatus?.Signal));
        Assert.Equal(("watched", "watched"), (told[4].Id, told[5].Id));
    }

    [Fact]
    public async Task Its_launcher_holds_nothing_of_its_hosts_and_its_program_has_but_its_streams()
    {
        await using var container = await _host.StartDetachedAsync(
            "held", Sleeper with { StandardOutput = StandardStream.Log(ByteSize.KiB(4)) }, Cancelled);
        var program = ProcessTree.Find(container.Pid)!.Value;
        var supervisor = ProcessTree.Find(ProcessTree.Find(program.Parent)!.Value.Parent)!.Value;

        await Eventually.Holds( // once its libraries are loaded
            () => program.Descriptors().Keys.SequenceEqual([0, 1, 2]),
            () => string.Join('\n', program.Descriptors()));
        var held = supervisor.Descriptors().Values.ToList();
        Assert.DoesNotContain(held, target => target.StartsWith("pipe:", StringComparison.Ordinal));
        Assert.Equal(
            ["control", "lock", "status"],
            held.Where(target => target.StartsWith('/')).Select(target => Path.GetFileName(target)!).Order());
        Assert.Equal(3 + 1 + 1 + 7, held.Count); // the FIFO, a pidfd, the child's channel; status; lock; namespaces
    }

    [Fact]
    public async Task What_was_said_of_it_is_there_for_who_attaches_however_long_it_is()
    {
        var options = Script.Shell("exec sleep 1000") with
        {
            ResourceLimits = [new(Resource.RLIMIT_NOFILE, 77, 88)],
            Environment = new Dictionary<string, string>
            {
                ["QUOTED"] = new('"', 100_000),
                ["LONG"] = new('ä', 50_000),
                ["A"] = "a\nb",
            },
            Groups = [],
            Umask = 7,
        };
        await using (await _host.StartDetachedAsync("said", options, Cancelled))
        {
        }

        Assert.Single(await _host.ListAsync(Cancelled));
        await using var container = await _host.AttachAsync("said", Cancelled);
        await using var executed = await container.ExecAsync(
            new()
            {
                Command = ["sh", "-c", "ulimit -Sn; ulimit -Hn; umask; echo \"$A\"; echo ${#QUOTED} ${#LONG}"],
                StandardOutput = StandardStream.Capture(ByteSize.KiB(4)),
            },
            Cancelled);
        Assert.StartsWith(
            "77\n88\n0007\na\nb\n100000 ", (await executed.WaitForResultAsync(Cancelled)).StandardOutput,
            StringComparison.Ordinal);
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task Kept_ids_serve_many_and_stay_kept()
    {
        await using var kept = await _host.KeepIdsAsync(IdMap.Automatic(), Cancelled);
        for (var i = 0; i < 3; i++)
        {
            await using var container = await _host.StartDetachedAsync(
                "kept", Sleeper with { IdMap = kept.IdMap, User = "3" }, Cancelled);
            await container.RemoveAsync(Cancelled);
        }

        var options = new ContainerOptions { Command = ["id", "-u"], IdMap = kept.IdMap, User = "3" };
        Assert.Equal("3", await Script.OutputAsync(options));
    }

    [Fact]
    public async Task A_short_one_is_told_of_too_and_a_disposed_host_has_nothing_to_tell()
    {
        var host = new ContainerHost(new() { StateDirectory = _temp["state"] });
        var events = host.WatchAsync(Cancelled);
        await using (var container = await host.StartDetachedAsync("short", new() { Command = ["true"] }, Cancelled))
        {
            Assert.True((await Eventually.Ends(container.WaitAsync(Cancelled))).IsSuccess);
        }

        await host.DisposeAsync();
        Assert.Equal(
            [ContainerEventKind.Started, ContainerEventKind.Exited],
            (await Eventually.Ends(events.ToListAsync(Cancelled).AsTask())).Select(happened => happened.Kind));
        Assert.Empty(await Eventually.Ends(host.WatchAsync(Cancelled).ToListAsync(Cancelled).AsTask()));
    }
}
