namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// gather GROUP NAME: moves the processes of a group into a new one in it, and prints what comes of it.
/// </summary>
internal static class Gather
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        await using var group = Cgroup.Open(arguments[0]);
        try
        {
            await using var child = group.MoveProcessesInto(arguments[1]);
            Console.WriteLine("moved");
        }
        catch (IOException failure)
        {
            Console.WriteLine(failure.Message);
        }
        catch (PlatformNotSupportedException refusal)
        {
            Console.WriteLine($"{refusal.GetType().Name}: {refusal.Message}");
        }

        return 0;
    }
}
