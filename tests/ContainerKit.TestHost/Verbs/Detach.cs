namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// detach STATE ID SCRIPT [CGROUP]: reads a line, starts a detached container for a script of the shell, with logs of 4 KiB and
/// without an id of the host's that others could have, prints its program's id, and lives until its input ends. With a
/// cgroup it is limited to 64 MiB and 20 processes in a group below.
/// </summary>
internal static class Detach
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var parent = arguments.ElementAtOrDefault(3);
        await using var host = new ContainerHost(new() { StateDirectory = arguments[0], CgroupParent = parent });
        Console.WriteLine("ready");
        await Console.In.ReadLineAsync();
        await using var container = await host.StartDetachedAsync(arguments[1], new()
        {
            Command = ["sh", "-c", arguments[2]],
            StandardOutput = StandardStream.Log(ByteSize.KiB(4)),
            Limits = parent is null ? null : new() { Memory = ByteSize.MiB(64), Pids = 20 },
        });
        Console.WriteLine(container.Pid);
        await Console.In.ReadToEndAsync();
        return 0;
    }
}
