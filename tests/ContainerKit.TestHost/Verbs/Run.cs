using System.Runtime.InteropServices;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// run [--init | --no-init] [--count N] [--survive-interrupt] [--keep ROOT CHANGES] PROGRAM [ARGUMENT...]: runs it in N
/// containers at once, its output and errors forwarded, and prints how each ended. The program prints what says that it
/// runs.
/// </summary>
internal static class Run
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var (init, count, next, root) = (true, 1, 0, RootFilesystem.HostSystem);
        PosixSignalRegistration? interrupts = null;
        for (; arguments[next].StartsWith("--", StringComparison.Ordinal); next++)
        {
            switch (arguments[next])
            {
                case "--init" or "--no-init":
                    init = arguments[next] == "--init";
                    break;
                case "--count":
                    count = int.Parse(arguments[++next], System.Globalization.CultureInfo.InvariantCulture);
                    break;
                case "--survive-interrupt":
                    interrupts = PosixSignalRegistration.Create(PosixSignal.SIGINT, Survive);
                    break;
                case "--keep":
                    root = RootFilesystem.Directory(arguments[next + 1], CopyOnWrite.In(arguments[next + 2]));
                    next += 2;
                    break;
                default:
                    throw new ArgumentException(arguments[next]);
            }
        }

        using (interrupts)
        {
            await RunAsync(arguments[next..], root, init, count);
        }

        return 0;
    }

    private static async Task RunAsync(string[] command, RootFilesystem root, bool init, int count)
    {
        await using var output = Console.OpenStandardOutput();
        await using var errors = Console.OpenStandardError();
        var options = new ContainerOptions
        {
            Command = command,
            Init = init,
            Root = root,
            Mounts = root == RootFilesystem.HostSystem ? [] : [new BindMount("/usr", "/usr")],
            StandardOutput = StandardStream.To(output),
            StandardError = StandardStream.To(errors),
        };
        await Task.WhenAll(Enumerable.Range(0, count).Select(async _ =>
        {
            var result = await Container.RunAsync(options);
            Console.WriteLine(result.ExitStatus);
        }));
    }

    private static void Survive(PosixSignalContext context)
    {
        context.Cancel = true;
        Console.WriteLine("interrupted");
    }
}
