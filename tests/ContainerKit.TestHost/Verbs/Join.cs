namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// join PATH...: starts a container in the namespaces that are opened from these paths, and prints what call failed
/// with which error, and the hint.
/// </summary>
internal static class Join
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        Namespace[] join = [.. arguments.Select(Namespace.Open)];
        try
        {
            Console.WriteLine((await Container.RunAsync(new() { Command = ["true"], Join = join })).ExitStatus);
        }
        catch (LaunchException failure)
        {
            Console.WriteLine($"{failure.Call} {failure.Errno}\n{failure.Hint}");
        }

        return 0;
    }
}
