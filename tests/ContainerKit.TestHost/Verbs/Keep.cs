using System.Globalization;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// keep [ID]: keeps one id of the host, 0 unless said otherwise, and starts a container with it; prints what call
/// failed with which error, and the hint.
/// </summary>
internal static class Keep
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var id = arguments is [var number] ? uint.Parse(number, CultureInfo.InvariantCulture) : 0;
        await using var host = new ContainerHost();
        try
        {
            await using var kept = await host.KeepIdsAsync(IdMap.Ranges([new(0, id, 1)], [new(0, id, 1)]));
            await host.RunAsync(new() { Command = ["true"], IdMap = kept.IdMap, MaxProcesses = null });
            Console.WriteLine("kept");
        }
        catch (LaunchException failure)
        {
            Console.WriteLine($"{failure.Call} {failure.Errno}\n{failure.Hint}");
        }

        return 0;
    }
}
