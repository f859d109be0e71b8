using System.Diagnostics;
using System.Globalization;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// mix N: runs N containers and N processes of System.Diagnostics.Process at once, each to exit with a code of its own,
/// and prints which did not, or that all was right.
/// </summary>
internal static class Mix
{
    private const int AtOnce = 16;

    public static async Task<int> StartAsync(string[] arguments)
    {
        var count = int.Parse(arguments[0], CultureInfo.InvariantCulture);
        var wrong = 0;
        await Parallel.ForAsync(
            0, 2 * count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (number, _) =>
        {
            var expected = number % 200;
            var code = number % 2 == 0 ? await ContainerAsync(expected) : await ProcessAsync(expected);
            if (code != expected)
            {
                Interlocked.Increment(ref wrong);
                Console.WriteLine(
                    $"{(number % 2 == 0 ? "container" : "process")} {number}: {code} instead of {expected}");
            }
        });
        Console.WriteLine(wrong == 0 ? "all right" : $"{wrong} wrong");
        return 0;
    }

    private static async Task<int?> ContainerAsync(int code) =>
        (await Container.RunAsync(new ContainerOptions { Command = ["sh", "-c", $"exit {code}"] })).ExitStatus.ExitCode;

    private static async Task<int?> ProcessAsync(int code)
    {
        using var process = Process.Start(new ProcessStartInfo("sh", ["-c", $"exit {code}"]))!;
        await process.WaitForExitAsync();
        return process.ExitCode;
    }
}
