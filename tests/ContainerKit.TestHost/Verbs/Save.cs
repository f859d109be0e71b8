namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// save STORE PATH: saves all images of a store to a place, and prints "saved", or what call of the kernel refused it.
/// </summary>
internal static class Save
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        await using var store = ImageStore.Open(arguments[0]);
        try
        {
            await store.SaveAsync(store.ListImages(), arguments[1]);
            Console.WriteLine("saved");
        }
        catch (LinuxException refusal)
        {
            Console.WriteLine($"{refusal.Call}: {refusal.Errno}");
        }

        return 0;
    }
}
