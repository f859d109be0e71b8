using System.Text.RegularExpressions;

namespace ContainerKit.HostileTests;

/// <summary>
/// Starts in which something is killed or refused at any point: they fail, say so, and leave nothing.
/// </summary>
public partial class LaunchFaultTests
{
    [Fact]
    public async Task A_system_call_that_is_refused_fails_the_start_and_leaves_nothing()
    {
        // Not those that .NET itself cannot go on without.
        string[] runtime = ["read", "write", "close", "exit_group", "rt_sigprocmask", "mmap", "ioctl", "openat"];
        using var plan = ContainerPlan.Make(new ContainerOptions { Command = ["true"] });
        var calls = Name().Matches($"{plan}").Select(match => match.Groups[1].Value)
            .Where(name => Linux.SyscallTable.NumberOf(
                name, System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture) is not null)
            .Distinct().Except(runtime).Order(StringComparer.Ordinal).ToArray();
        Assert.InRange(calls.Length, 25, 100);
        await using var host = HostProcess.Start(["refuse", .. calls]);
        var (code, output) = await host.EndAsync();
        Assert.True(code == 0, $"{code}\n{host.Errors}\n{output}");
        var lines = output.TrimEnd('\n').Split('\n')[1..];

        Assert.Equal([.. calls, "nothing", "left"], lines.Select(line => line.Split(": ")[0]));
        Assert.Equal(["nothing: exited with code 0", "left: "], lines[^2..]);
        Assert.All(lines[..^2], line => Assert.Matches(@"^\w+: L(inux|aunch)Exception \w+ ENOMEM ", line));
    }

    [Theory]
    [InlineData("supervisor", true)]
    [InlineData("init", true)]
    [InlineData("init", false)]
    [InlineData("anybody", true)]
    public async Task Whoever_is_killed_at_whatever_moment_of_a_start_nothing_is_left(string whom, bool init)
    {
        var seed = Environment.TickCount;
        var random = new Random(seed);
        var before = await Leftovers.Before();
        var own = ProcessTree.Below(Environment.ProcessId).Select(process => process.Id).ToHashSet();
        for (var i = 0; i < TimeFactor.Times(60, soak: 3000); i++)
        {
            using var cancel = new CancellationTokenSource();
            var run = Container.RunAsync(
                new ContainerOptions { Command = ["sh", "-c", "sleep 1000 & sleep 1000"], Init = init }, cancel.Token);
            var moment = TimeSpan.FromMilliseconds(random.NextDouble() * 25);
            SpinWait.SpinUntil(() => false, moment);
            var there = ProcessTree.Below(Environment.ProcessId).FindAll(process => !own.Contains(process.Id));
            var victim = there.Count == 0 ? -1 : whom switch
            {
                "supervisor" => 0,
                "init" => Math.Min(1, there.Count - 1),
                _ => random.Next(there.Count),
            };
            Kill(victim < 0 ? 0 : there[victim].Id);
            cancel.CancelAfter(TimeFactor.Seconds(0.1));
            var ended = await Record.ExceptionAsync(() => Eventually.Ends(run));

            Assert.True(
                ended is null or LaunchException or OperationCanceledException,
                $"Seed {seed}, start {i}, {whom} after {moment.TotalMilliseconds} ms: {ended}");
        }

        await before.AssertNone();
        Assert.Equal("fine", await Script.OutputAsync("echo fine"));
    }

    private static void Kill(int process)
    {
        try
        {
            if (process > 0)
            {
                Native.Kill(process, Signal.SIGKILL);
            }
        }
        catch (System.ComponentModel.Win32Exception)
        {
            // It has ended.
        }
    }

    [GeneratedRegex(@"(?<![\w.])([a-z][a-z_0-9]+)\(")]
    private static partial Regex Name();
}
