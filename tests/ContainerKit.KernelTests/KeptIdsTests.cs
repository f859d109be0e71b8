using System.Globalization;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Ids that are mapped once, for many containers.</summary>
public sealed class KeptIdsTests : IDisposable
{
    private static readonly ContainerOptions Sleeper = Script.Shell("echo up; exec sleep 1000");

    private readonly TempDirectory _temp = new();
    private readonly ContainerHost _host;

    public KeptIdsTests() =>
        _host = new(new()
        {
            StateDirectory =
            _temp["state"],
            IdRanges = Host.IsRoot ? [new(IdBlocks.DefaultFirst, IdBlocks.Size)] : []
        });

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public void Dispose() => _temp.Dispose();

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task Fifty_containers_have_the_same_ids_and_do_not_see_each_other()
    {
        await using var kept = await _host.KeepIdsAsync(TestIds.Map, Cancelled);
        var containers = await Task.WhenAll(Enumerable.Range(0, 50)
            .Select(_ => _host.StartAsync(Sleeper with { IdMap = kept.IdMap, User = "7" }, Cancelled)));

        var programs = containers.Select(container => ProcessTree.Find(container.Pid)!.Value).ToList();
        Assert.All(programs, program => Assert.Equal($"{TestIds.User + 7}", program.Status("Uid").Split('\t')[0]));
        Assert.All(programs, program =>
            Assert.Equal([$"0 {TestIds.User} 1000"], TestIds.Lines($"/proc/{program.Id}/uid_map")));

        // Each has a user namespace of its own, so that what is counted by it is its own; their supervisors live in the
        // kept one.
        Assert.All(programs, program => Assert.EndsWith("\t2", program.Status("NSpid"), StringComparison.Ordinal));
        if (Host.IsRoot) // others may not look
        {
            Assert.Equal(50, programs.Select(program => program.Namespace("user")).Distinct().Count());
            Assert.Single(programs.Select(program =>
                ProcessTree.Find(ProcessTree.Find(program.Parent)!.Value.Parent)!.Value.Namespace("user")).Distinct());
        }

        var neighbour = Script.Shell("trap '' TERM; cd /proc; echo [0-9]*; kill -TERM -1") with
        { IdMap = kept.IdMap, User = "7" };
        Assert.Equal("1 2", (await Script.RunAsync(neighbour)).StandardOutput.Trim());
        Assert.All(programs, program => Assert.True(ProcessTree.IsAlive(program.Id)));
        await Task.WhenAll(containers.Select(container => container.DisposeAsync().AsTask()));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_limit_of_processes_is_each_containers_own()
    {
        await using var kept = await _host.KeepIdsAsync(TestIds.Map, Cancelled);
        var options = Sleeper with { IdMap = kept.IdMap, User = "7", MaxProcesses = 3 };
        await using var one = await _host.StartAsync(options, Cancelled);
        await using var two = await _host.StartAsync(options, Cancelled);
        var result = await Script.RunAsync(
            options with { Command = ["sh", "-c", "for i in 1 2 3 4 5; do sleep 100 & done; echo $?"] });

        Assert.Contains("fork", result.StandardError, StringComparison.Ordinal);
        Assert.Equal("up", await Script.OutputAsync(options with { Command = ["echo", "up"] }));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task They_can_be_given_up_while_a_container_lives_and_stay_reserved_for_it()
    {
        var kept = await _host.KeepIdsAsync(IdMap.Automatic(), Cancelled);
        await using var other = new ContainerHost();
        var container = await other.StartAsync(Sleeper with { IdMap = kept.IdMap, User = "9" }, Cancelled);
        var another = await other.StartAsync(Sleeper with { IdMap = kept.IdMap, User = "9" }, Cancelled);
        await kept.DisposeAsync();
        await kept.DisposeAsync();
        await another.DisposeAsync();

        Assert.True(ProcessTree.IsAlive(container.Pid));
        await Assert.ThrowsAsync<ObjectDisposedException>(() =>
            other.StartAsync(Sleeper with { IdMap = kept.IdMap }, Cancelled));
        Assert.Equal(
            Errno.EAGAIN,
            (await Assert.ThrowsAsync<LaunchException>(() =>
                _host.StartAsync(Sleeper with { IdMap = IdMap.Automatic() }, Cancelled))).Errno);

        await container.DisposeAsync();
        await using var next = await _host.StartAsync(Sleeper with { IdMap = IdMap.Automatic() }, Cancelled);
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_further_program_in_a_container_has_its_ids()
    {
        await using var kept = await _host.KeepIdsAsync(TestIds.Map, Cancelled);
        await using var with = await _host.StartAsync(Sleeper with { IdMap = kept.IdMap, User = "7" }, Cancelled);
        await kept.DisposeAsync();
        await using var ranges = await _host.StartAsync(Sleeper with { IdMap = TestIds.Map, User = "7" }, Cancelled);
        await using var automatic =
            await _host.StartAsync(Sleeper with { IdMap = IdMap.Automatic(), User = "7" }, Cancelled);
        foreach (var container in new[] { with, ranges, automatic })
        {
            await using var process = await container.ExecAsync(
                new()
                {
                    Command = ["sh", "-c", "id -u; id -G; grep CapEff /proc/self/status; exec sleep 1000"],
                    User = "9:10",
                    Groups = ["11"],
                    StandardOutput = StandardStream.Pipe,
                },
                Cancelled);
            using var output = new StreamReader(process.StandardOutput!);

            Assert.Equal("9", await output.ReadLineAsync(Cancelled));
            Assert.Equal("10 11", await output.ReadLineAsync(Cancelled));
            Assert.Equal("CapEff:\t0000000000000000", await output.ReadLineAsync(Cancelled));
            Assert.Equal(HostUser(container) + 2, HostUser(process));
            await Assert.ThrowsAsync<ArgumentException>(() =>
                container.ExecAsync(new() { Command = ["true"], User = "4000000000" }, Cancelled));
        }
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task Nothing_is_left_of_them()
    {
        await using (var first = await _host.KeepIdsAsync(TestIds.Map, Cancelled))
        {
            await Script.OutputAsync(Script.Shell("true") with { IdMap = first.IdMap });
        }

        var before = await Leftovers.Before();
        await using (var kept = await _host.KeepIdsAsync(IdMap.Automatic(), Cancelled))
        {
            Assert.Equal("5", await Script.OutputAsync(Script.Shell("id -u") with { IdMap = kept.IdMap, User = "5" }));
            await Assert.ThrowsAsync<LaunchException>(() =>
                _host.StartAsync(Sleeper with { IdMap = kept.IdMap, Command = ["/no/such"] }, Cancelled));
        }

        Directory.Delete(_temp["state"], recursive: true);
        await before.AssertNone();
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_cancelled_one_is_not_made_and_its_ids_are_free()
    {
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            _host.KeepIdsAsync(IdMap.Automatic(), cancelled.Token));

        await using var kept = await _host.KeepIdsAsync(IdMap.Automatic(), Cancelled);
        Assert.Equal($"{kept.IdMap}", $"{kept.IdMap with { }}");
    }

    [Fact]
    public async Task Only_ranges_can_be_kept()
    {
        foreach (var map in new[] { IdMap.SingleId, IdMap.Identity, IdMap.SingleIdAs(0, 0) })
        {
            Assert.Contains("IdMap.Ranges",
                (await Assert.ThrowsAsync<ArgumentException>(() => _host.KeepIdsAsync(map, Cancelled))).Message,
                StringComparison.Ordinal);
        }
    }

    [RootFact]
    public async Task The_kernel_refuses_a_namespace_of_another_user_and_the_error_says_so()
    {
        await using var kept = await _host.KeepIdsAsync(TestIds.Map, Cancelled);
        var launched = LaunchedProcess.Start(Launcher.Memory, LaunchPlan.Make(plan =>
        {
            plan.Namespaces = CloneFlags.CLONE_NEWUSER;
            plan.Begin();
            plan.Because(kept.IdMap);
            kept.IdMap.AddTo(plan, 0, 0);
            plan.Outside.SetIds(65534, 65534);
            plan.End();
            plan.Execute(["/bin/true"], ["true"], []);
        }), []);

        var refusal = await Assert.ThrowsAsync<LaunchException>(() => launched.Ended);
        Assert.Equal(("setns", Errno.EPERM, $"{kept.IdMap}"), (refusal.Call, refusal.Errno, refusal.Cause));
        Assert.Contains("made by another user", refusal.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_limit_of_user_namespaces_is_named()
    {
        await using var host = HostProcess.StartThrough(
            ["unshare", "--user", "--map-root-user", "sh", "-c",
                "echo 0 > /proc/sys/user/max_user_namespaces; exec \"$@\"", "sh"], "keep");

        Assert.Equal("unshare ENOSPC", await host.ReadLineAsync());
        Assert.Contains("limit of namespaces", await host.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ids_that_the_hosts_own_user_namespace_lacks_are_named()
    {
        await using var host = HostProcess.StartThrough(["unshare", "--user", "--map-root-user"], "keep", "5");

        Assert.Equal("write EPERM", await host.ReadLineAsync());
        Assert.Contains("without the users 5-5", await host.ReadLineAsync(), StringComparison.Ordinal);
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_program_that_may_not_map_is_quoted()
    {
        if (Host.IsRoot)
        {
            return; // who needs none
        }

        await using var host = HostProcess.StartThrough(["setpriv", "--no-new-privs"], "keep", $"{TestIds.User}");
        Assert.Equal("write EPERM", await host.ReadLineAsync());
        Assert.Contains("It said: newuidmap", await host.ReadLineAsync(), StringComparison.Ordinal);
    }

    private static int HostUser(ContainerProcess process) =>
        int.Parse(ProcessTree.Find(process.Pid)!.Value.Status("Uid").Split('\t')[0], CultureInfo.InvariantCulture);
}
