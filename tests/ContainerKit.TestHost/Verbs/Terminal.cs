namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// terminal SCRIPT HOW: runs a script of Python whose standard streams are this host's own, as a container's program,
/// without an init, as a further program, with every capability that does not mount, with Landlock, or without
/// namespaces; and prints how it ended.
/// </summary>
internal static class Terminal
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        string[] command = ["/usr/bin/python3", "-I", "-u", "-c", arguments[0]];
        var options = new ContainerOptions
        {
            Command = command,
            StandardInput = StandardStream.Inherit,
            StandardOutput = StandardStream.Inherit,
            StandardError = StandardStream.Inherit,
        };
        Console.WriteLine(arguments[1] switch
        {
            "bare" => await RunAsync(options with { Init = false }),
            "exec" => await ExecuteAsync(command),
            "privileged" => await RunAsync(options with
            { Capabilities = new(CapabilitySet.All.Without([Capability.CAP_SYS_ADMIN])) }),
            "landlocked" => await RunAsync(options with
            { Landlock = new() { Paths = [new("/", LandlockAccess.All)], BestEffort = true } }),
            "restricted" => await RunRestrictedAsync(options),
            _ => await RunAsync(options),
        });
        return 0;
    }

    private static async Task<ExitStatus> RunAsync(ContainerOptions options) =>
        (await Container.RunAsync(options)).ExitStatus;

    private static async Task<ExitStatus> RunRestrictedAsync(ContainerOptions options)
    {
        await using var host = new ContainerHost(new() { WithoutNamespaces = true });
        return (await host.RunAsync(options with { MinimumIsolation = Isolation.Restricted })).ExitStatus;
    }

    private static async Task<ExitStatus> ExecuteAsync(string[] command)
    {
        await using var container = await Container.StartAsync(new() { Command = ["sleep", "1000"] });
        await using var process = await container.ExecAsync(new()
        {
            Command = command,
            StandardInput = StandardStream.Inherit,
            StandardOutput = StandardStream.Inherit,
            StandardError = StandardStream.Inherit,
        });
        return await process.WaitAsync();
    }
}
