namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// limited PARENT PROGRAM [ARG...]: runs it in a cgroup below PARENT, with limits of processes and of time on CPUs, and
/// prints how it ended, or what refused it and why.
/// </summary>
internal static class Limited
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        await using var host = new ContainerHost(new() { CgroupParent = arguments[0] });
        try
        {
            var result = await host.RunAsync(new()
            {
                Command = arguments[1..],
                CpuTimeout = TimeSpan.FromMinutes(1),
                Limits = new() { Pids = 20 },
            });
            Console.WriteLine(result.ExitStatus);
        }
        catch (Exception refusal) when (refusal is LinuxException or LimitNotSupportedException)
        {
            Console.WriteLine($"{refusal.GetType().Name}: {refusal.Message}");
        }

        return 0;
    }
}
