namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// terminal SCRIPT: runs a script of Python whose standard streams are this host's own, and prints how it ended.
/// </summary>
internal static class Terminal
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var result = await Container.RunAsync(new ContainerOptions
        {
            Command = ["/usr/bin/python3", "-I", "-u", "-c", arguments[0]],
            StandardInput = StandardStream.Inherit,
            StandardOutput = StandardStream.Inherit,
            StandardError = StandardStream.Inherit,
        });
        Console.WriteLine(result.ExitStatus);
        return 0;
    }
}
