using System.Globalization;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// loop N SPARES: prints <c>up</c> after a first container, and then starts containers without end, N at once.
/// </summary>
internal static class Loop
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        await using var host =
            new ContainerHost(new() { Spares = int.Parse(arguments[1], CultureInfo.InvariantCulture) });
        var options = new ContainerOptions
        { Command = ["sh", "-c", "setsid sleep 1000 & read line < /proc/self/stat"] };
        await host.RunAsync(options);
        Console.WriteLine("up");
        await Task.WhenAll(Enumerable.Range(0, int.Parse(arguments[0], CultureInfo.InvariantCulture)).Select(async _ =>
        {
            for (; ; )
            {
                await host.RunAsync(options);
            }
        }));
        return 0;
    }
}
