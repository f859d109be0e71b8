// Three programs that would take the whole machine, each stopped by a limit, and what they use meanwhile. Give it the
// path of a group in which you may make others, unless you are root.
using System.Diagnostics;
using ContainerKit;

(string Name, string Script, CgroupLimits Limits)[] programs =
[
    ("eats memory", "x=x; while :; do x=$x$x; done", new() { Memory = ByteSize.MiB(32) }),
    ("burns CPU", "while :; do :; done", new() { Cpu = CpuMax.Cpus(0.2) }),
    ("forks", "while :; do sleep 1000 & done 2>/dev/null", new() { Pids = 40 }),
];

var parent = args.Length > 0 ? args[0].TrimEnd('/') : "";
var groups = new List<Cgroup>();
try
{
    foreach (var (_, script, limits) in programs)
    {
        groups.Add(Cgroup.Create($"{parent}/limits-{Environment.ProcessId}-{groups.Count}", limits));
        Start(groups[^1], script);
    }

    Console.WriteLine($"{"",-12}{"CPU s",8}{"throttled s",14}{"memory MiB",12}{"killed",8}{"processes",11}");
    for (var second = 1; second <= 3; second++)
    {
        await Task.Delay(1000);
        for (var i = 0; i < programs.Length; i++)
        {
            var used = groups[i].ReadStatistics();
            Console.WriteLine(
                $"{programs[i].Name,-12}{used.Cpu?.Usage.TotalSeconds,8:F2}{used.Cpu?.Throttled?.TotalSeconds,14:F2}"
                + $"{used.Memory?.Current.Bytes >> 20,12}{used.Memory?.OomKills,8}{used.Pids?.Current,11}");
        }
    }
}
catch (Exception refusal) when (refusal is LimitNotSupportedException or LinuxException)
{
    Console.Error.WriteLine(refusal.Message);
    return 1;
}
finally
{
    foreach (var group in groups)
    {
        await group.DisposeAsync(); // kills all that is in it
    }
}

Console.WriteLine("All of them are gone.");
return 0;

// It waits until it is in its group.
static void Start(Cgroup group, string script)
{
    using var process = Process.Start(
        new ProcessStartInfo("sh", ["-c", $"read go; {script}"]) { RedirectStandardInput = true })!;
    group.Move(process.Id);
    process.StandardInput.WriteLine();
}
