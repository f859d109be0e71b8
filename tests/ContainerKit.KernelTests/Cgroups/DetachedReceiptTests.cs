using System.Globalization;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>What a detached container took is told to whoever attaches, until it is removed.</summary>
public sealed class DetachedReceiptTests : IAsyncDisposable
{
    private const string Busy =
        "i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done & "
        + "text=$(head -c 20000000 /dev/zero | tr '\\0' x); wait; exit 3";

    private static readonly CgroupLimits Limits = new() { Memory = ByteSize.MiB(64), Pids = 20 };

    private static readonly ContainerOptions Hungry = new()
    {
        Command = ["sort", "/dev/zero"],
        Limits = new() { Memory = ByteSize.MiB(16), Swap = CgroupFactAttribute.IsPureVersion2 ? 0 : null },
    };

    private readonly TempDirectory _temp = new();
    private readonly ContainerHost _host;

    public DetachedReceiptTests() => _host = NewHost(CgroupFactAttribute.Parent);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        foreach (var left in await _host.ListAsync())
        {
            await _host.RemoveAsync(left.Id);
        }

        await _host.DisposeAsync();
        _temp.Dispose();
    }

    [CgroupFact]
    public async Task A_receipt_is_the_same_for_all_who_wait_and_who_come_later_and_nothing_is_left()
    {
        var before = await Leftovers.Before();
        await using (var container = await _host.StartDetachedAsync(
            "busy", Script.Shell(Busy) with { Limits = Limits }, Cancelled))
        {
            var result = await Eventually.Ends(container.WaitForResultAsync(Cancelled));
            AssertIsOfBusy(result);
            Assert.Equal(Errno.ESRCH, Assert.Throws<LaunchException>(container.ReadStatistics).Errno);
            await using (var other = NewHost(CgroupFactAttribute.Parent))
            {
                await using var later = await other.AttachAsync("busy", Cancelled);
                var again = await later.WaitForResultAsync(Cancelled);
                Assert.Equivalent(result.Receipt, again.Receipt);
                Assert.Equal(result.ExitStatus, again.ExitStatus);
            }

            var info = (await _host.ListAsync(Cancelled)).Single();
            Assert.Equal(info.EndedAt - info.CreatedAt, result.Receipt.WallTime);
            await container.RemoveAsync(Cancelled);
        }

        await before.AssertNone();
    }

    [CgroupFact]
    public async Task A_receipt_outlives_the_host_that_was_killed()
    {
        var before = await Leftovers.Before();
        await using (var parent = TestCgroups.Create())
        {
            await using var starter = HostProcess.Start(
                "detach", _temp["state"], "busy", $"while [ ! -e /tmp/go ]; do sleep 0.01; done; {Busy}", parent.Path);
            await starter.ReadLineAsync();
            await starter.WriteLineAsync("");
            await starter.ReadLineAsync();
            await starter.KillAsync();
            await using (var container = await _host.AttachAsync("busy", Cancelled))
            {
                await using var going = await container.ExecAsync(new() { Command = ["touch", "/tmp/go"] }, Cancelled);
                AssertIsOfBusy(await Eventually.Ends(container.WaitForResultAsync(Cancelled)));
            }

            await ContainerGroup.SweepAsync(parent); // as the next host does
            await using (var later = await _host.AttachAsync("busy", Cancelled))
            {
                AssertIsOfBusy(await later.WaitForResultAsync(Cancelled));
            }

            await _host.RemoveAsync("busy", Cancelled);
            Assert.Empty(parent.ReadChildren());
        }

        await before.AssertNone();
    }

    [CgroupFact]
    public async Task One_that_is_killed_by_want_of_memory_says_so_to_all()
    {
        await using var container = await _host.StartDetachedAsync("hungry", Hungry, Cancelled);
        var result = await Eventually.Ends(container.WaitForResultAsync(Cancelled));
        Assert.Equal((Signal.SIGKILL, true), (result.ExitStatus.Signal, result.ExitStatus.OomKilled));
        Assert.Equal(1, result.Receipt.OomKills);
        await using var later = await _host.AttachAsync("hungry", Cancelled);
        Assert.Equal(result.ExitStatus, await later.WaitAsync(Cancelled));
        Assert.Equal(result.ExitStatus, (await _host.ListAsync(Cancelled)).Single().ExitStatus);
    }

    [CgroupFact(OfPureVersion2 = true)]
    public async Task One_that_is_killed_with_all_others_by_want_of_memory_says_so_to_all()
    {
        var options = Script.Shell("sleep 1000 & sleep 1000 & sort /dev/zero") with
        {
            Limits = Hungry.Limits! with { OomGroup = true },
        };
        await using var container = await _host.StartDetachedAsync("group", options, Cancelled);
        Assert.True((await Eventually.Ends(container.WaitAsync(Cancelled))).OomKilled);
        Assert.True((await _host.ListAsync(Cancelled)).Single().ExitStatus!.Value.OomKilled);
    }

    [CgroupFact]
    public async Task One_that_somebody_killed_or_that_exited_is_not_said_to_have_wanted_memory()
    {
        await using var killed = await _host.StartDetachedAsync(
            "killed", new() { Command = ["sleep", "1000"], Limits = new() }, Cancelled);
        await using var watched = await _host.AttachAsync("killed", Cancelled);
        killed.SendSignal(Signal.SIGKILL);
        Assert.False((await Eventually.Ends(killed.WaitAsync(Cancelled))).OomKilled);
        Assert.False((await Eventually.Ends(watched.WaitAsync(Cancelled))).OomKilled);
        await using var fed = await _host.StartDetachedAsync(
            "fed", Script.Shell("sort /dev/zero; exit 3") with { Limits = Hungry.Limits }, Cancelled);
        var result = await Eventually.Ends(fed.WaitForResultAsync(Cancelled));
        Assert.Equal((3, false), (result.ExitStatus.ExitCode, result.ExitStatus.OomKilled));
        Assert.Equal(1, result.Receipt.OomKills);
        Assert.All(await _host.ListAsync(Cancelled), info => Assert.False(info.ExitStatus!.Value.OomKilled));
    }

    [CgroupFact]
    public async Task One_in_which_others_wanted_memory_says_the_same_to_who_killed_it_and_to_all()
    {
        await using var container = await _host.StartDetachedAsync(
            "others", Script.Shell("sort /dev/zero; exec sleep 1000") with { Limits = Hungry.Limits }, Cancelled);
        await Eventually.Holds(() => container.ReadStatistics().Memory!.OomKills == 1, "One should be killed.");
        container.SendSignal(Signal.SIGKILL);
        var status = await Eventually.Ends(container.WaitAsync(Cancelled));
        Assert.Equal((Signal.SIGKILL, null), (status.Signal, status.OomKilled));
        await using var later = await _host.AttachAsync("others", Cancelled);
        Assert.Equal(status, await later.WaitAsync(Cancelled));
        Assert.Equal(status, (await _host.ListAsync(Cancelled)).Single().ExitStatus);
    }

    [CgroupFact]
    public async Task Who_removes_one_gets_its_receipt()
    {
        for (var i = 0; i < 10; i++)
        {
            await using var container = await _host.StartDetachedAsync(
                "removed", new() { Command = ["sleep", "1000"], Limits = new() }, Cancelled);
            await container.RemoveAsync(Cancelled);
            var result = await Eventually.Ends(container.WaitForResultAsync(Cancelled));
            Assert.NotNull(result.Receipt.Cpu);
            Assert.False(result.ExitStatus.OomKilled);
        }
    }

    [CgroupFact]
    public async Task The_next_host_spares_the_group_of_one_that_ended_and_removes_what_is_nobodys()
    {
        await using var parent = TestCgroups.Create();
        await using var host = NewHost(parent.Path);
        await EndAsync(host, "kept");
        await EndAsync(host, "lost-directory");
        await EndAsync(host, "again");
        Assert.Equal(3, parent.ReadChildren().Count);
        Directory.Delete(_temp["state/containers/lost-directory"], recursive: true);
        Directory.Delete(_temp["state/containers/again"], recursive: true);
        await EndAsync(host, "again");

        await using var next = new ContainerHost(new() { CgroupParent = parent.Path, StateDirectory = _temp["other"] });
        await next.RunAsync(new() { Command = ["true"] }, Cancelled);
        await Eventually.Holds(
            () => parent.ReadChildren().Count == 2, () => string.Join('\n', parent.ReadChildren()));
        foreach (var id in (string[])["kept", "again"])
        {
            await using var container = await _host.AttachAsync(id, Cancelled);
            Assert.NotNull((await container.WaitForResultAsync(Cancelled)).Receipt.Cpu);
        }

        await _host.RemoveAsync("kept", Cancelled);
        Assert.Single(parent.ReadChildren());
        Directory.Delete(_temp["state"], recursive: true);
        await ContainerGroup.SweepAsync(parent);
        Assert.Empty(parent.ReadChildren());
    }

    [CgroupFact]
    public async Task The_group_of_one_whose_supervisor_was_killed_is_removed_by_the_next_host()
    {
        await using var parent = TestCgroups.Create();
        await using var host = NewHost(parent.Path);
        await using var container = await host.StartDetachedAsync(
            "lost", new() { Command = ["sleep", "1000"] }, Cancelled);
        ContainerKit.Linux.Syscall.Kill(
            ProcessTree.Find(ProcessTree.Find(container.Pid)!.Value.Parent)!.Value.Parent);
        await Assert.ThrowsAsync<LaunchException>(() => Eventually.Ends(container.WaitForResultAsync(Cancelled)));
        await ContainerGroup.SweepAsync(parent);
        Assert.Empty(parent.ReadChildren());
        await host.RemoveAsync("lost", Cancelled);
    }

    [CgroupFact]
    public async Task One_whose_group_was_removed_by_somebody_tells_how_long_it_ran()
    {
        await using var parent = TestCgroups.Create();
        await using var host = NewHost(parent.Path);
        await EndAsync(host, "removed");
        await parent.OpenChild(parent.ReadChildren().Single(), isOwner: true).DisposeAsync();

        await using var container = await host.AttachAsync("removed", Cancelled);
        var result = await container.WaitForResultAsync(Cancelled);
        Assert.True(result.ExitStatus.IsSuccess);
        Assert.Equal(new() { WallTime = result.Receipt.WallTime }, result.Receipt);
        Assert.Equal(Errno.ESRCH, Assert.Throws<LaunchException>(container.ReadStatistics).Errno);
        await Assert.ThrowsAsync<LaunchException>(() => container.PauseAsync(Cancelled));
        await container.ResumeAsync(Cancelled);
        await container.RemoveAsync(Cancelled);
    }

    [Fact]
    public async Task Without_a_group_a_receipt_tells_how_long_it_ran()
    {
        await using var host = NewHost(parent: null);
        await using var container = await host.StartDetachedAsync(
            "timed", Script.Shell("sleep 0.3; exit 3"), Cancelled);
        var result = await Eventually.Ends(container.WaitForResultAsync(Cancelled));
        Assert.Equal((3, false), (result.ExitStatus.ExitCode, result.ExitStatus.OomKilled));
        Assert.InRange(result.Receipt.WallTime, TimeSpan.FromSeconds(0.29), TimeFactor.Seconds(30));
        Assert.Equal(new() { WallTime = result.Receipt.WallTime }, result.Receipt);
        Assert.Empty(result.StandardOutput);
    }

    private static void AssertIsOfBusy(ContainerResult result)
    {
        Assert.Equal((3, false), (result.ExitStatus.ExitCode, result.ExitStatus.OomKilled));
        var receipt = result.Receipt;
        Assert.InRange(receipt.WallTime, TimeSpan.FromMilliseconds(10), TimeFactor.Seconds(60));
        Assert.InRange(receipt.Cpu!.Usage, TimeSpan.FromMilliseconds(20), TimeFactor.Seconds(60));
        Assert.InRange(receipt.PeakMemory!.Value.Bytes, 20_000_000, 64 << 20);
        Assert.True(receipt.PeakPids is null or (>= 4 and <= 20), $"{receipt}");
        Assert.Equal(0, receipt.OomKills);
    }

    private static async Task EndAsync(ContainerHost host, string id)
    {
        await using var container = await host.StartDetachedAsync(id, new() { Command = ["true"] }, Cancelled);
        Assert.True((await Eventually.Ends(container.WaitAsync(Cancelled))).IsSuccess);
    }

    private ContainerHost NewHost(string? parent) =>
        new(new() { StateDirectory = _temp["state"], CgroupParent = parent });
}
