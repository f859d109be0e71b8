using System.Diagnostics;

namespace ContainerKit.KernelTests;

/// <summary>Runs that are cancelled: whenever it is, they throw, and nothing is left.</summary>
public class CancellationTests
{
    private static readonly ContainerOptions Endless = Script.Shell("echo up; exec sleep 1000");

    [Fact]
    public async Task A_run_cancelled_before_it_begins_starts_nothing()
    {
        var before = await Leftovers.Before();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            Container.RunAsync(Endless, new CancellationToken(canceled: true)));
        await before.AssertNone();
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_run_cancelled_at_any_instant_throws_and_leaves_nothing(bool init)
    {
        var before = await Leftovers.Before();
        var start = Stopwatch.GetTimestamp();
        await Script.RunAsync(Script.Shell("echo up") with { Init = init });
        var usual = Stopwatch.GetElapsedTime(start);
        var random = new Random(5);
        for (var i = 0; i < TimeFactor.Times(60, 500); i++)
        {
            // From before the launcher is spawned until after the program runs.
            using var cancel = new CancellationTokenSource();
            var instant = Stopwatch.GetTimestamp()
                + (long)(random.NextDouble() * 1.5 * usual.TotalSeconds * Stopwatch.Frequency);
            var canceller = new Thread(() =>
            {
                SpinWait.SpinUntil(() => Stopwatch.GetTimestamp() >= instant);
                cancel.Cancel();
            });
            canceller.Start();
            await AssertCancelled(Endless with { Init = init }, cancel.Token);
            canceller.Join();
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task A_run_cancelled_while_its_output_is_passed_on_throws_and_leaves_nothing()
    {
        var before = await Leftovers.Before();
        using var cancel = new CancellationTokenSource();
        await AssertCancelled(
            Endless with { StandardOutput = StandardStream.To(new CancellingStream(cancel)) }, cancel.Token);
        await before.AssertNone();
    }

    [Fact]
    public async Task A_token_cancelled_while_the_program_ends_by_itself_leaves_nothing()
    {
        var before = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(40, 1000); i++)
        {
            using var cancel = new CancellationTokenSource();
            var running = Container.RunAsync(Script.Shell("echo up") with
            { StandardOutput = StandardStream.To(new CancellingStream(cancel)) }, cancel.Token);
            try
            {
                Assert.True(
                    (await running.WaitAsync(TimeFactor.Seconds(30), CancellationToken.None)).ExitStatus.IsSuccess);
            }
            catch (OperationCanceledException)
            {
                // Both are true of it.
            }
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task A_cancelled_run_does_not_disturb_another()
    {
        using var cancel = new CancellationTokenSource();
        var other = Script.OutputAsync("i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; echo whole");
        var cancelled = AssertCancelled(Endless, cancel.Token);
        await cancel.CancelAsync();
        await cancelled;

        Assert.Equal("whole", await other);
    }

    [Fact]
    public async Task The_shortest_timeout_ends_a_run_and_leaves_nothing()
    {
        var before = await Leftovers.Before();
        for (var i = 1; i <= 20; i++)
        {
            var result = await Script.RunAsync(Endless with { Timeout = TimeSpan.FromMilliseconds(i * 0.5) });
            Assert.True(result.ExitStatus.TimedOut);
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task A_disposed_host_has_ended_its_containers_and_starts_no_more()
    {
        var before = await Leftovers.Before();
        var host = new ContainerHost();
        var runs = Enumerable.Range(0, 5).Select(_ => host.RunAsync(Endless, CancellationToken.None)).ToList();
        await host.DisposeAsync();
        await host.DisposeAsync();
        foreach (var run in runs)
        {
            Assert.Equal(Signal.SIGKILL,
                (await run.WaitAsync(TimeFactor.Seconds(30), CancellationToken.None)).ExitStatus.Signal);
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => host.RunAsync(Endless, CancellationToken.None));
        await before.AssertNone();
    }

    private static Task<OperationCanceledException> AssertCancelled(
        ContainerOptions options, CancellationToken cancel) =>
        Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            Container.RunAsync(options, cancel).WaitAsync(TimeFactor.Seconds(30), CancellationToken.None));

    /// <summary>A stream that cancels as soon as something is written to it.</summary>
    private sealed class CancellingStream(CancellationTokenSource cancel) : MemoryStream
    {
        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            await cancel.CancelAsync();
    }
}
