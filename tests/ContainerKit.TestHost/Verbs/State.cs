namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// state DIRECTORY ID: starts, lists, attaches to and removes a detached container in this state directory, and prints
/// of each what came of it.
/// </summary>
internal static class State
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        await using var host = new ContainerHost(new() { StateDirectory = arguments[0] });
        var id = arguments[1];
        await TryAsync("start", async () => await (await host.StartDetachedAsync(id, Sleeper)).DisposeAsync());
        await TryAsync("list", () => host.ListAsync());
        await TryAsync("attach", async () => await (await host.AttachAsync(id)).DisposeAsync());
        await TryAsync("remove", () => host.RemoveAsync(id));
        return 0;
    }

    /// <summary>A detached container with all that is written of one.</summary>
    internal static ContainerOptions Sleeper => new()
    {
        Command = ["sleep", "1000"],
        StandardOutput = StandardStream.Log(ByteSize.KiB(4)),
    };

    private static async Task TryAsync(string what, Func<Task> attempt)
    {
        try
        {
            await attempt();
            Console.WriteLine($"{what}: done");
        }
        catch (LinuxException failure)
        {
            var message = failure.Message.ReplaceLineEndings(" ");
            Console.WriteLine($"{what}: {failure.GetType().Name} {failure.Errno} {message}");
        }
    }
}
