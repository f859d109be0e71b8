using System.Globalization;

namespace ContainerKit.TestHost.Verbs;

/// <summary>loop N: prints <c>up</c> after a first container, and then starts containers without end, N at once.</summary>
internal static class Loop
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var options = new ContainerOptions { Command = ["sh", "-c", "setsid sleep 1000 & read line < /proc/self/stat"] };
        await Container.RunAsync(options);
        Console.WriteLine("up");
        await Task.WhenAll(Enumerable.Range(0, int.Parse(arguments[0], CultureInfo.InvariantCulture)).Select(async _ =>
        {
            for (; ; )
            {
                await Container.RunAsync(options);
            }
        }));
        return 0;
    }
}
