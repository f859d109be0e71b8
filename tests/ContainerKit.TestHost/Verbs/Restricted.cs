namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// restricted [--choose | --rootless | --full] [--single] [--unlimited] [--parent CGROUP] PROGRAM [ARG...]: runs it without
/// namespaces, or as well as can be, its output and errors forwarded, and prints what isolated it and how it ended, or
/// why not.
/// </summary>
internal static class Restricted
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var options = new ContainerOptions { Command = arguments, MinimumIsolation = Isolation.Restricted };
        var (hostOptions, next) = (new ContainerHostOptions { WithoutNamespaces = true }, 0);
        for (; arguments[next].StartsWith("--", StringComparison.Ordinal); next++)
        {
            switch (arguments[next])
            {
                case "--choose":
                    hostOptions = hostOptions with { WithoutNamespaces = false };
                    break;
                case "--rootless" or "--full":
                    hostOptions = hostOptions with { WithoutNamespaces = false };
                    options = options with
                    {
                        MinimumIsolation = arguments[next] is "--full" ? Isolation.Full : Isolation.Rootless,
                    };
                    break;
                case "--single":
                    options = options with { SingleProcess = true };
                    break;
                case "--unlimited":
                    options = options with { MaxProcesses = null };
                    break;
                case "--parent":
                    hostOptions = hostOptions with { CgroupParent = arguments[++next] };
                    break;
                default:
                    throw new ArgumentException(arguments[next]);
            }
        }

        await using var host = new ContainerHost(hostOptions);
        await using var output = Console.OpenStandardOutput();
        await using var errors = Console.OpenStandardError();
        try
        {
            var result = await host.RunAsync(options with
            {
                Command = arguments[next..],
                StandardOutput = StandardStream.To(output),
                StandardError = StandardStream.To(errors),
            });
            Console.WriteLine($"{result.Isolation}: {result.ExitStatus}");
            return 0;
        }
        catch (IsolationUnavailableException refused)
        {
            Console.WriteLine(refused.Message);
            return 1;
        }
    }
}
