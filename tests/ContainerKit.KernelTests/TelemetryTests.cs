using System.Diagnostics;

namespace ContainerKit.KernelTests;

/// <summary>What who listens hears of starts and ends, and what it costs who does not.</summary>
public class TelemetryTests
{
    private static readonly ContainerOptions Sleep = new() { Command = ["/bin/sleep", "1000"] };

    [Fact]
    public async Task A_start_is_an_activity_that_ends_when_the_program_was_executed()
    {
        using var listener = new Listener();
        await using var container = await Container.StartAsync(Sleep, Token);

        var start = Assert.Single(listener.Activities);
        Assert.Equal("container start", start.DisplayName);
        Assert.Equal(["process.executable.name=sleep", $"process.pid={container.Pid}"], Tags(start));
        Assert.Equal(ActivityStatusCode.Unset, start.Status);
        Assert.Equal(["starts 1", "start.duration s"], listener.Measured());
    }

    [Fact]
    public async Task The_start_of_a_run_does_not_last_until_its_end()
    {
        using var listener = new Listener();
        using var cancellation = new CancellationTokenSource();
        var run = Container.RunAsync(Sleep, cancellation.Token);

        await Eventually.Holds(() => listener.Activities.Count == 1, () => "The start did not end.");
        Assert.False(run.IsCompleted);
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => run);
        Assert.Equal(["starts 1", "start.duration s", "run.duration s containerkit.exit=signal",
            "exits 1 containerkit.exit=signal"], listener.Measured());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_failed_start_is_an_error_with_the_errno(bool run)
    {
        using var listener = new Listener();
        ContainerOptions options = new() { Command = ["/missing"] };
        var failure = await Assert.ThrowsAsync<LaunchException>(() =>
            run ? Container.RunAsync(options, Token) : Container.StartAsync(options, Token));

        var start = Assert.Single(listener.Activities);
        Assert.Equal(["error.type=ENOENT", "process.executable.name=missing"], Tags(start));
        Assert.Equal((ActivityStatusCode.Error, failure.Message), (start.Status, start.StatusDescription));
        Assert.Equal(["starts 1 error.type=ENOENT", "start.duration s error.type=ENOENT"], listener.Measured());
    }

    [Fact]
    public async Task A_start_that_fails_before_anything_ran_is_an_error_with_the_exceptions_type()
    {
        using var listener = new Listener();
        await Assert.ThrowsAsync<ArgumentException>(() =>
            Container.RunAsync(Sleep with { User = "nobody-of-this-name" }, Token));

        Assert.Equal(["starts 1 error.type=System.ArgumentException",
            "start.duration s error.type=System.ArgumentException"], listener.Measured());
    }

    [Theory]
    [InlineData("exit 3", "exit", " process.exit.code=3")]
    [InlineData("kill -9 $$", "signal", "")]
    [InlineData("sleep 1000", "timeout", "")]
    public async Task An_exit_says_how_after_the_start_was_told(string script, string how, string code)
    {
        using var listener = new Listener();
        var timeout = how == "timeout" ? TimeSpan.FromSeconds(0.5) : Timeout.InfiniteTimeSpan;
        await Container.RunAsync(Script.Shell(script) with { Timeout = timeout }, Token);

        Assert.Equal(
            ["starts 1", "start.duration s", $"run.duration s containerkit.exit={how}",
                $"exits 1 containerkit.exit={how}{code}"], listener.Measured());
    }

    [Fact]
    public async Task A_container_whose_supervisor_is_killed_was_started_and_is_lost()
    {
        using var listener = new Listener();
        await using var container = await Container.StartAsync(Sleep with { Init = false }, Token);
        using (var supervisor = Process.GetProcessById(ProcessTree.Find(container.Pid)!.Value.Parent))
        {
            supervisor.Kill();
        }

        await Assert.ThrowsAsync<LaunchException>(() => Eventually.Ends(container.WaitAsync(Token)));
        Assert.Equal(["starts 1", "start.duration s", "run.duration s containerkit.exit=lost",
            "exits 1 containerkit.exit=lost"], listener.Measured());
        Assert.Equal(0, listener.Live());
    }

    [Fact]
    public async Task A_start_killed_at_once_is_told_once_and_an_exit_only_of_a_program()
    {
        using var listener = new Listener();
        for (var i = 0; i < 20; i++)
        {
            await Container.RunAsync(Sleep with { Timeout = TimeSpan.FromMilliseconds(i / 5.0 + 0.01) }, Token);
            var measured = listener.Measured();
            Assert.Contains(string.Join("; ", measured), (string[])
            [
                "starts 1; start.duration s; run.duration s containerkit.exit=timeout; exits 1 "
                    + "containerkit.exit=timeout",
                "starts 1 error.type=System.TimeoutException; start.duration s error.type=System.TimeoutException",
            ]);
        }
    }

    [Fact]
    public async Task Containers_are_counted_while_they_live_whoever_came_later()
    {
        await using var before = await Container.StartAsync(Sleep, Token);
        using var listener = new Listener();
        await using (await Container.StartAsync(Sleep, Token))
        {
            Assert.Equal(2, listener.Live());
        }

        await Assert.ThrowsAsync<LaunchException>(() => Container.RunAsync(new() { Command = ["/missing"] }, Token));
        Assert.Equal(1, listener.Live());
        await before.DisposeAsync();
        Assert.Equal(0, listener.Live());
    }

    [Fact]
    public async Task A_start_is_a_part_of_the_callers_activity_which_stays_the_current_one()
    {
        using var listener = new Listener();
        using var around = new Activity("around").Start();
        await using var container = await Container.StartAsync(Sleep, Token);

        Assert.Equal(around.SpanId, Assert.Single(listener.Activities).ParentSpanId);
        Assert.Same(around, Activity.Current);
    }

    [Fact]
    public void Nothing_is_allocated_for_nobody()
    {
        var ended = new ExitStatus();
        Once();
        var before = GC.GetAllocatedBytesForCurrentThread();
        Once();
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);

        void Once()
        {
            Assert.True(Telemetry.Begin("true") is null);
            Telemetry.Launched();
            Telemetry.Gone();
            Telemetry.Ended(ended, 0);
        }
    }

    [Theory]
    [InlineData("never", "not loaded")]
    [InlineData("before", "container start")]
    [InlineData("after", "1 live")]
    public async Task A_process_loads_nothing_for_nobody_and_hides_nothing_from_who_comes(string listener, string says)
    {
        await using var host = HostProcess.Start("listen", listener);
        Assert.Equal(says, await host.ReadLineAsync());
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static IEnumerable<string> Tags(Activity activity) =>
        activity.TagObjects.Select(tag => $"{tag.Key}={tag.Value}").Order();
}
