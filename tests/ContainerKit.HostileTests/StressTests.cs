using System.Diagnostics;

namespace ContainerKit.HostileTests;

/// <summary>
/// All that stress-ng does to an operating system, in limited containers: the host goes on meanwhile, and has nothing
/// left of it. A minute for the strictest profile, a quarter of one for the others; 10 minutes each with
/// CONTAINERKIT_SOAK=1.
/// </summary>
public class StressTests
{
    private const string Program = "/usr/bin/stress-ng";

    /// <summary>Whether there are stress-ng, and groups to limit it.</summary>
    public static bool IsThere { get; } =
        Environment.GetEnvironmentVariable("CONTAINERKIT_MUST_RUN") == "1"
        || (File.Exists(Program) && CgroupFactAttribute.Parent is not null);

    [Theory(Skip = "needs /usr/bin/stress-ng, and a cgroup", SkipUnless = nameof(IsThere))]
    [InlineData(nameof(SandboxProfiles.Plugin), 60)]
    [InlineData(nameof(SandboxProfiles.DockerCompatible), 15)]
    [InlineData(nameof(SandboxProfiles.BuildStep), 15)]
    [Trait(Tools.Needs, Tools.Self)]
    public async Task A_host_goes_on_while_containers_stress_the_kernel_and_nothing_is_left(string name, int seconds)
    {
        var time = TimeSpan.FromSeconds(TimeFactor.IsSoak ? 600 : seconds);
        var profile = name switch
        {
            nameof(SandboxProfiles.Plugin) => SandboxProfiles.Plugin,
            nameof(SandboxProfiles.BuildStep) => SandboxProfiles.BuildStep,
            _ => SandboxProfiles.DockerCompatible,
        };
        var before = await Leftovers.Before();
        var shared = Shared();
        string[] everything = ["--class", "os", "--all", "1", "--exclude", "sem-sysv"]; // ends all without System V
        string[] worst = [.. "bad-ioctl bind-mount mlockmany oom-pipe sysinval watchdog".Split(' ')
            .SelectMany(stressor => new[] { $"--{stressor}", "1" }), "--pathological"];
        TimeSpan slowest;
        await using (var host = new ContainerHost(new() { CgroupParent = CgroupFactAttribute.Parent }))
        {
            slowest = await SlowestStartAsync(Task.WhenAll(
                StressAsync(host, Options(profile, time, everything), time),
                StressAsync(host, Options(profile, time, worst) with { User = "1000", IdMap = IdMap.SingleId }, time)));
        }

        TestContext.Current.TestOutputHelper?.WriteLine($"The slowest start took {slowest.TotalMilliseconds:F0} ms.");
        Assert.InRange(slowest, TimeSpan.Zero, TimeFactor.Seconds(15));
        await before.AssertNone(seconds: 20);
        Assert.Empty(Shared().Except(shared));
    }

    /// <summary>The longest that one start took, each second while something runs.</summary>
    private static async Task<TimeSpan> SlowestStartAsync(Task run)
    {
        var slowest = TimeSpan.Zero;
        while (!run.IsCompleted)
        {
            var start = Stopwatch.GetTimestamp();
            Assert.Equal("alive", await Script.OutputAsync("echo alive"));
            var took = Stopwatch.GetElapsedTime(start);
            slowest = took > slowest ? took : slowest;
            await Task.WhenAny(run, Task.Delay(1000, TestContext.Current.CancellationToken));
        }

        await run;
        return slowest;
    }

    /// <summary>Some stressors end all of them early: what is left of the time is for others.</summary>
    private static async Task StressAsync(ContainerHost host, ContainerOptions options, TimeSpan time)
    {
        for (var (start, times) = (Stopwatch.GetTimestamp(), 0); Stopwatch.GetElapsedTime(start) < time; times++)
        {
            var result = await host.RunAsync(options, TestContext.Current.CancellationToken);
            var said = $"{result.ExitStatus}, {result.Receipt}\n{result.StandardError}\n{result.StandardOutput}";
            Assert.Contains("dispatching hogs", said, StringComparison.Ordinal);
            Assert.True(times <= Stopwatch.GetElapsedTime(start).TotalSeconds + 10, said);
        }
    }

    private static ContainerOptions Options(ContainerOptions profile, TimeSpan time, string[] stressors) => profile with
    {
        Command =
        [
            Program, .. stressors, "--oomable", "--no-rand-seed", "--temp-path", "/tmp",
            "--timeout", $"{time.TotalSeconds:F0}s",
        ],
        WorkingDirectory = "/tmp",
        Limits = new() { Memory = ByteSize.MiB(512), Pids = 600, Cpu = CpuMax.Cpus(0.8) },
        Timeout = time + TimeSpan.FromSeconds(5), // not all stressors end by themselves
    };

    /// <summary>What processes share by names that the kernel keeps when they end.</summary>
    private static HashSet<string> Shared()
    {
        var shared = new HashSet<string>();
        foreach (var kind in new[] { "shm", "msg", "sem" })
        {
            shared.UnionWith(File.ReadLines($"/proc/sysvipc/{kind}").Skip(1)
                .Select(line => line.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                .Select(fields => $"{kind}: key {fields[0]}, id {fields[1]}"));
        }

        foreach (var place in new[] { "/dev/shm", "/dev/mqueue" }.Where(Directory.Exists))
        {
            shared.UnionWith(Directory.EnumerateFileSystemEntries(place));
        }

        shared.UnionWith(File.ReadLines("/proc/net/unix").Select(line => line[(line.LastIndexOf(' ') + 1)..])
            .Where(name => name.Contains("stress", StringComparison.OrdinalIgnoreCase)));
        return shared;
    }
}
