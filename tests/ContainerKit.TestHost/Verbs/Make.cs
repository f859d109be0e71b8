namespace ContainerKit.TestHost.Verbs;

/// <summary>make CGROUP: makes it, and removes it; prints its path, or what refused it and why.</summary>
internal static class Make
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        try
        {
            await using var group = Cgroup.Create(arguments[0]);
            Console.WriteLine(group.Path);
        }
        catch (Exception refusal) when (refusal is LinuxException or LimitNotSupportedException)
        {
            Console.WriteLine($"{refusal.GetType().Name}: {refusal.Message}");
        }

        return 0;
    }
}
