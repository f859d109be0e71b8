using System.Globalization;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// allocate STATE|- COUNT [FIRST IDS]: starts containers that sleep, with ids of their own from a range, until there
/// are COUNT or no ids are left; prints the map of each, then "done", and waits for the end of its input. What else
/// fails is printed as its errno.
/// </summary>
internal static class Allocate
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        await using var host = new ContainerHost(new()
        {
            StateDirectory = arguments[0] == "-" ? null : arguments[0],
            IdRanges = arguments.Length > 2 ? [new(Number(arguments[2]), Number(arguments[3]))] : [],
        });
        for (var left = Number(arguments[1]); left > 0; left--)
        {
            try
            {
                var container = await host.StartAsync(new() { Command = ["sleep", "1000"], IdMap = IdMap.Automatic() });
                Console.WriteLine((await File.ReadAllTextAsync($"/proc/{container.Pid}/uid_map")).Trim());
            }
            catch (LaunchException full) when (full.Errno is Errno.EAGAIN)
            {
                break;
            }
            catch (LaunchException failure)
            {
                Console.WriteLine(failure.Errno);
            }
        }

        Console.WriteLine("done");
        await Console.In.ReadToEndAsync();
        return 0;
    }

    private static uint Number(string text) => uint.Parse(text, CultureInfo.InvariantCulture);
}
