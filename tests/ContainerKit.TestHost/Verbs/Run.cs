namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// run [--no-init] [--count N] PROGRAM [ARGUMENT...]: runs it in N containers at once, its output and errors forwarded,
/// and prints how each ended. The program prints what says that it runs.
/// </summary>
internal static class Run
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var (init, count, next) = (true, 1, 0);
        for (; arguments[next].StartsWith("--", StringComparison.Ordinal); next++)
        {
            switch (arguments[next])
            {
                case "--no-init":
                    init = false;
                    break;
                case "--count":
                    count = int.Parse(arguments[++next], System.Globalization.CultureInfo.InvariantCulture);
                    break;
                default:
                    throw new ArgumentException(arguments[next]);
            }
        }

        await using var output = Console.OpenStandardOutput();
        await using var errors = Console.OpenStandardError();
        var options = new ContainerOptions
        {
            Command = arguments[next..],
            Init = init,
            StandardOutput = StandardStream.To(output),
            StandardError = StandardStream.To(errors),
        };
        await Task.WhenAll(Enumerable.Range(0, count).Select(async _ =>
        {
            var result = await Container.RunAsync(options);
            Console.WriteLine(result.ExitStatus);
        }));
        return 0;
    }
}
