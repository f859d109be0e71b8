using System.Runtime.InteropServices;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// run [--init | --no-init] [--count N] [--survive-interrupt] [--keep ROOT CHANGES] [--unlimited] [--undumpable]
/// PROGRAM [ARG...]: runs it in N containers at once, its output and errors forwarded, and prints how each ended. The
/// program prints what says that it runs.
/// </summary>
internal static class Run
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var (options, count, next) = (new ContainerOptions { Command = arguments }, 1, 0);
        PosixSignalRegistration? interrupts = null;
        for (; arguments[next].StartsWith("--", StringComparison.Ordinal); next++)
        {
            switch (arguments[next])
            {
                case "--init" or "--no-init":
                    options = options with { Init = arguments[next] == "--init" };
                    break;
                case "--count":
                    count = int.Parse(arguments[++next], System.Globalization.CultureInfo.InvariantCulture);
                    break;
                case "--survive-interrupt":
                    interrupts = PosixSignalRegistration.Create(PosixSignal.SIGINT, Survive);
                    break;
                case "--keep":
                    options = options with
                    {
                        Root = RootFilesystem.Directory(arguments[++next], CopyOnWrite.In(arguments[++next])),
                        Mounts = [new BindMount("/usr", "/usr")],
                    };
                    break;
                case "--unlimited":
                    options = options with { MaxProcesses = null };
                    break;
                case "--undumpable":
                    ThisProcess.LetNobodyLookIn();
                    break;
                default:
                    throw new ArgumentException(arguments[next]);
            }
        }

        using (interrupts)
        {
            await RunAsync(options with { Command = arguments[next..] }, count);
        }

        return 0;
    }

    private static async Task RunAsync(ContainerOptions options, int count)
    {
        await using var output = Console.OpenStandardOutput();
        await using var errors = Console.OpenStandardError();
        options = options with
        {
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
