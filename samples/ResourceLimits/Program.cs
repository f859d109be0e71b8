// Three programs that would take the whole machine, each stopped by a limit; what they use, and what they took. Give it
// the path of a cgroup in which you may make others, unless it is the one you are in.
using ContainerKit;

(string Name, ContainerOptions Options)[] programs =
[
    ("eats memory", new()
    {
        Command = ["sh", "-c", "x=x; while :; do x=$x$x; done"],
        Limits = new() { Memory = ByteSize.MiB(32) },
    }),
    ("forks", new()
    {
        Command = ["sh", "-c", "while :; do sleep 1000 & done"],
        Limits = new() { Pids = 40 },
    }),
    ("burns CPU", new()
    {
        Command = ["sh", "-c", "while :; do :; done"],
        Limits = new() { Cpu = CpuMax.Cpus(0.2) },
        CpuTimeout = TimeSpan.FromSeconds(0.5),
    }),
];

await using var host = new ContainerHost(new() { CgroupParent = args.FirstOrDefault() });
var running = new List<Container>();
try
{
    foreach (var (_, options) in programs)
    {
        running.Add(await host.StartAsync(options));
    }

    Console.WriteLine($"{"",-12}{"CPU s",8}{"throttled s",14}{"memory MiB",12}{"processes",11}");
    for (var second = 1; second <= 3; second++)
    {
        await Task.Delay(1000);
        foreach (var (container, program) in running.Zip(programs).Where(pair => pair.First.IsRunning))
        {
            try
            {
                var used = container.ReadStatistics();
                Console.WriteLine(
                    $"{program.Name,-12}{used.Cpu?.Usage.TotalSeconds,8:F2}{used.Cpu?.Throttled?.TotalSeconds,14:F2}"
                    + $"{used.Memory?.Current.Bytes >> 20,12}{used.Pids?.Current,11}");
            }
            catch (LaunchException)
            {
                // It has ended just now; its receipt follows.
            }
        }
    }

    foreach (var (container, program) in running.Zip(programs))
    {
        var result = await container.WaitForResultAsync();
        var took = result.Receipt;
        Console.WriteLine(
            $"'{program.Name}' {result.ExitStatus} after {took.WallTime.TotalSeconds:F1} s: "
            + $"{took.Cpu?.Usage.TotalSeconds:F2} s of CPU, at most {took.PeakMemory} and {took.PeakPids} processes, "
            + $"{took.OomKills} killed by want of memory.");
    }
}
catch (Exception refusal) when (refusal is LimitNotSupportedException or LinuxException)
{
    Console.Error.WriteLine(refusal.Message);
    return 1;
}

return 0;
