namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// busy DIRECTORY ID: starts a container on a writable layer of a store that writes for ever, says so, and waits.
/// </summary>
internal static class Busy
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        await using var store = LayerStore.Open(arguments[0]);
        await using var writable = store.OpenWritable(arguments[1]);
        await using var container = await Container.StartAsync(new()
        {
            Command = ["/bin/sh", "-c", "while :; do head -c 100000 /dev/zero >/$((i = (i + 1) % 100)); done"],
            Root = writable.Root,
            Mounts = [new BindMount("/usr", "/usr")],
        });
        Console.WriteLine("started");
        await Console.In.ReadLineAsync();
        return 0;
    }
}
