using System.Globalization;

namespace ContainerKit.KernelTests;

/// <summary>Containers that are paused and go on, by cgroups of version 1 or 2.</summary>
public sealed partial class PauseTests : IAsyncDisposable
{
    private readonly TempDirectory _temp = new();
    private readonly ContainerHost _host;

    public PauseTests() =>
        _host = new(new() { CgroupParent = CgroupFactAttribute.Parent, StateDirectory = _temp["state"] });

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static ContainerOptions Counter =>
        Script.Shell("i=0; while :; do i=$((i+1)); echo $i >/tmp/count; sleep 0.001; done");

    public async ValueTask DisposeAsync()
    {
        await _host.DisposeAsync();
        _temp.Dispose();
    }

    [CgroupFact]
    public async Task Nothing_runs_until_it_is_resumed_and_what_would_wait_is_refused()
    {
        var before = await Leftovers.Before();
        await using (var container = await _host.StartAsync(Counter, Cancelled))
        {
            await Eventually.Holds(() => Count(container) > 0, "It should count.");
            await container.PauseAsync(Cancelled);
            await container.PauseAsync(Cancelled);
            var count = Count(container);
            await Task.Delay(50, Cancelled);
            Assert.Equal(count, Count(container));
            var refusal = await Assert.ThrowsAsync<LaunchException>(
                () => container.ExecAsync(new() { Command = ["true"] }, Cancelled));
            Assert.Equal(Errno.EBUSY, refusal.Errno);

            await container.ResumeAsync(Cancelled);
            await container.ResumeAsync(Cancelled);
            await Eventually.Holds(() => Count(container) > count, "It should go on.");
            await using var executed = await container.ExecAsync(
                new()
                {
                    Command = ["cat", "/proc/self/cgroup"],
                    StandardOutput = StandardStream.Capture(ByteSize.KiB(4)),
                },
                Cancelled);
            var groups = (await executed.WaitForResultAsync(Cancelled)).StandardOutput;
            Assert.Contains(":/\n", groups, StringComparison.Ordinal); // its own group, and no more in sight
            Assert.DoesNotContain("containerkit", groups, StringComparison.Ordinal);
        }

        await before.AssertNone();
    }

    [CgroupFact]
    public async Task What_is_paused_ends_when_it_is_to_end()
    {
        var before = await Leftovers.Before();
        foreach (var how in (string[])["dispose", "kill", "stop", "timeout", "host"])
        {
            await using var host = new ContainerHost(new() { CgroupParent = CgroupFactAttribute.Parent });
            var options = Script.Shell("trap '' TERM; while :; do sleep 1000; done") with
            {
                StopTimeout = TimeSpan.FromMilliseconds(50),
                Timeout = how == "timeout" ? TimeFactor.Seconds(0.5) : Timeout.InfiniteTimeSpan,
            };
            await using var container = await host.StartAsync(options, Cancelled);
            await container.PauseAsync(Cancelled);
            await Eventually.Ends(EndAsync(how, container, host));

            Assert.Equal(Signal.SIGKILL, (await Eventually.Ends(container.WaitAsync(Cancelled))).Signal);
            await Assert.ThrowsAsync<LaunchException>(() => container.PauseAsync(Cancelled));
            await container.ResumeAsync(Cancelled);
            var gone = await Assert.ThrowsAsync<LaunchException>(
                () => container.ExecAsync(new() { Command = ["true"] }, Cancelled));
            Assert.Equal(Errno.ESRCH, gone.Errno);
        }

        await before.AssertNone();
    }

    [CgroupFact]
    public async Task Who_forks_all_the_time_is_paused_whole()
    {
        await using var container = await _host.StartAsync(
            Script.Shell("while :; do (:) & (:); wait; done"), Cancelled);
        for (var i = 0; i < TimeFactor.Times(20, soak: 500); i++)
        {
            await container.PauseAsync(Cancelled);
            var first = ProcessTree.Below(container.Pid).Select(process => process.Id).Order().ToList();
            await Task.Delay(3, Cancelled);
            Assert.Equal(first, ProcessTree.Below(container.Pid).Select(process => process.Id).Order());
            await container.ResumeAsync(Cancelled);
        }
    }

    [CgroupFact]
    public async Task A_detached_one_is_paused_by_another_and_removed_with_its_group()
    {
        var before = await Leftovers.Before();
        await using (await _host.StartDetachedAsync("paused", Counter, Cancelled))
        {
        }

        await using (var other = new ContainerHost(new() { StateDirectory = _temp["state"] }))
        {
            await using var container = await other.AttachAsync("paused", Cancelled);
            await container.PauseAsync(Cancelled);
            var refusal = await Assert.ThrowsAsync<LaunchException>(
                () => container.ExecAsync(new() { Command = ["true"] }, Cancelled));
            Assert.Equal(Errno.EBUSY, refusal.Errno);
            await other.RemoveAsync("paused", Cancelled);
            Assert.Equal(Signal.SIGKILL, (await Eventually.Ends(container.WaitAsync(Cancelled))).Signal);
        }

        await before.AssertNone();
    }

    [CgroupFact]
    public async Task Who_watches_is_told_of_pauses_once_each()
    {
        using var source = CancellationTokenSource.CreateLinkedTokenSource(Cancelled);
        var events = _host.WatchAsync(source.Token);
        await using (var container = await _host.StartAsync(Sleeper, Cancelled))
        {
            await container.PauseAsync(Cancelled);
            await container.PauseAsync(Cancelled);
            await container.ResumeAsync(Cancelled);
            await container.ResumeAsync(Cancelled);
        }

        await using (var detached = await _host.StartDetachedAsync("told", Sleeper, Cancelled))
        {
            await detached.PauseAsync(Cancelled);
            await detached.ResumeAsync(Cancelled);
            await detached.RemoveAsync(Cancelled);
        }

        var told = new List<(ContainerEventKind, string?)>();
        await foreach (var happened in events)
        {
            told.Add((happened.Kind, happened.Id));
            if (told.Count == 8)
            {
                break;
            }
        }

        ContainerEventKind[] each =
        [
            ContainerEventKind.Started, ContainerEventKind.Paused, ContainerEventKind.Resumed,
            ContainerEventKind.Exited,
        ];
        Assert.Equal([.. each.Select(kind => (kind, (string?)null)), .. each.Select(kind => (kind, "told"))], told);
    }

    [Fact]
    public async Task Without_a_group_pausing_is_refused_and_the_error_says_what_to_set()
    {
        await using var container = await Container.StartAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
        var refusal = await Assert.ThrowsAsync<LimitNotSupportedException>(() => container.PauseAsync(Cancelled));
        Assert.Contains("CgroupParent", refusal.Message, StringComparison.Ordinal);
        await Assert.ThrowsAsync<LimitNotSupportedException>(() => container.ResumeAsync(Cancelled));
    }

    [Fact]
    public async Task What_is_no_cgroup_of_this_users_is_refused_and_nothing_is_left()
    {
        Assert.Throws<ArgumentException>(() => new ContainerHost(new() { CgroupParent = "/a/../b" }));
        await using var missing = new ContainerHost(new() { CgroupParent = "/ck-missing" });
        var failure = await Assert.ThrowsAsync<LaunchException>(
            () => missing.RunAsync(new() { Command = ["true"] }, Cancelled));
        Assert.Equal(("the container's cgroup", Errno.ENOENT), (failure.Cause, failure.Errno));
    }

    [Fact]
    public async Task A_detached_start_that_gets_no_group_holds_no_layer()
    {
        Directory.CreateDirectory(
            _temp["changes"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        await using var host = new ContainerHost(
            new() { CgroupParent = "/ck-missing", StateDirectory = _temp["state"] });
        var options = new ContainerOptions
        {
            Command = ["true"],
            Root = RootFilesystem.Directory("/usr", CopyOnWrite.In(_temp["changes"])),
        };
        await Assert.ThrowsAsync<LaunchException>(() => host.StartDetachedAsync("none", options, Cancelled));
        var (_, held) = options.Root.Open(); // or somebody has it
        held!.Dispose();
    }

    private static async Task EndAsync(string how, Container container, ContainerHost host)
    {
        switch (how)
        {
            case "dispose":
                await container.DisposeAsync();
                break;
            case "kill":
                container.SendSignal(Signal.SIGKILL);
                break;
            case "stop":
                await container.StopAsync(Cancelled);
                break;
            case "host":
                await host.DisposeAsync();
                break;
        }
    }

    private static int Count(Container container)
    {
        try
        {
            using var file = container.OpenReadAsync("/tmp/count", Cancelled).GetAwaiter().GetResult();
            using var reader = new StreamReader(file);
            return int.TryParse(reader.ReadToEnd(), CultureInfo.InvariantCulture, out var count) ? count : 0;
        }
        catch (LaunchException early) when (early.Errno is Errno.ENOENT)
        {
            return 0;
        }
    }
}
