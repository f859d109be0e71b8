using System.Globalization;

namespace ContainerKit.KernelTests.Contracts;

/// <summary>What many starts leave behind, and what each costs.</summary>
public class LeakTests
{
    private static readonly ContainerOptions True = new() { Command = ["true"] };

    [Fact]
    public async Task Starts_in_a_row_leave_nothing()
    {
        var leftovers = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(500, soak: 100_000); i++)
        {
            var result = await Script.RunAsync(True with { Init = i % 4 != 0 });
            Assert.True(result.ExitStatus.IsSuccess, $"Start {i}: {result.ExitStatus} {result.StandardError}");
        }

        await leftovers.AssertNone();
    }

    [Fact]
    public async Task Failed_starts_leave_nothing()
    {
        var leftovers = await Leftovers.Before();
        for (var i = 0; i < TimeFactor.Times(100, soak: 10_000); i++)
        {
            await Assert.ThrowsAsync<LaunchException>(() =>
                Script.RunAsync(new ContainerOptions { Command = ["/missing"] }));
        }

        await leftovers.AssertNone();
    }

    [Fact]
    public async Task Starts_from_many_threads_at_once_each_get_their_own_status_and_output()
    {
        var leftovers = await Leftovers.Before();
        var count = TimeFactor.Times(200, soak: 1000);
        using var gate = new Barrier(count);
        var starts = Enumerable.Range(0, count).Select(number => Task.Factory.StartNew(
            () =>
            {
                gate.SignalAndWait(TestContext.Current.CancellationToken);
                return Script.RunAsync(
                    new ContainerOptions { Command = ["sh", "-c", $"echo {number}; exit {number % 250}"] });
            },
            CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default).Unwrap());

        foreach (var (number, result) in (await Eventually.Ends(Task.WhenAll(starts), seconds: 120)).Index())
        {
            Assert.Equal((number % 250, $"{number}\n"), (result.ExitStatus.ExitCode, result.StandardOutput));
        }

        await leftovers.AssertNone();
    }

    [Theory]
    [InlineData("0")]
    [InlineData("2")]
    public async Task Kills_of_the_host_at_random_instants_leave_nothing(string spares)
    {
        var seed = Environment.TickCount;
        TestContext.Current.SendDiagnosticMessage($"The seed is {seed}.");
        var random = new Random(seed);
        var leftovers = await Leftovers.Before();
        var before = ProcessTree.Below(Environment.ProcessId).Select(process => process.Id).ToHashSet();
        Native.AdoptOrphans(true); // what outlives the host would be found below us
        try
        {
            for (var i = 0; i < TimeFactor.Times(20, soak: 200); i++)
            {
                await using var host = HostProcess.Start("loop", "2", spares);
                Assert.Equal("up", await host.ReadLineAsync());
                await Task.Delay(TimeSpan.FromMilliseconds(random.NextDouble() * 30),
                    TestContext.Current.CancellationToken);
                await host.KillAsync();
                await Eventually.Holds(() => NobodyBelowBut(before),
                    () => $"Seed {seed}, kill {i}:\n{string.Join('\n', ProcessTree.Below(Environment.ProcessId))}");
            }
        }
        finally
        {
            Native.AdoptOrphans(false);
        }

        await leftovers.AssertNone();
    }

    [RootFact(Skip = "needs smaps_rollup", SkipUnless = nameof(Host.HasPss), SkipType = typeof(Host))]
    public async Task A_live_container_takes_at_most_64_KB_of_our_own()
    {
        const int count = 20;
        var containers = new List<LiveContainer>();
        try
        {
            for (var i = 0; i < count; i++)
            {
                containers.Add(await LiveContainer.StartAsync("echo up; exec sleep 1000"));
            }

            // Shared pages count more while fewer others have them, as when containers of other tests end.
            var each = Enumerable.Range(0, 3).Min(_ => containers.Sum(
                container => Pss(container.Supervisor) + Pss(container.PidOne)) / (double)count);
            TestContext.Current.TestOutputHelper?.WriteLine($"{each:F1} KB for each container's supervisor and init");
            Assert.InRange(each, 0.1, 64);
        }
        finally
        {
            foreach (var container in containers)
            {
                await container.DisposeAsync();
            }
        }
    }

    [Fact]
    public async Task A_start_allocates_at_most_24_KB_of_managed_memory()
    {
        const int count = 100;
        for (var i = 0; i < count; i++)
        {
            await Container.RunAsync(True, TestContext.Current.CancellationToken);
        }

        var before = GC.GetTotalAllocatedBytes(precise: true);
        for (var i = 0; i < count; i++)
        {
            await Container.RunAsync(True, TestContext.Current.CancellationToken);
        }

        var each = (GC.GetTotalAllocatedBytes(precise: true) - before) / 1024.0 / count;
        TestContext.Current.TestOutputHelper?.WriteLine($"{each:F1} KB for each start");
        Assert.InRange(each, 0, 24);
    }

    /// <summary>Whether nobody else is below us, once what ended and became ours is taken away.</summary>
    private static bool NobodyBelowBut(HashSet<int> before)
    {
        foreach (var process in ProcessTree.ChildrenOf(Environment.ProcessId).Where(process => process.State == 'Z'))
        {
            Native.Reap(process.Id);
        }

        return ProcessTree.Below(Environment.ProcessId).TrueForAll(process => before.Contains(process.Id));
    }

    private static int Pss(ProcessEntry process)
    {
        var line = File.ReadLines($"/proc/{process.Id}/smaps_rollup")
            .First(line => line.StartsWith("Pss:", StringComparison.Ordinal));
        return int.Parse(line.AsSpan(4, line.Length - 6).Trim(), CultureInfo.InvariantCulture);
    }
}
