namespace ContainerKit.TestHost.Verbs;

/// <summary>available: prints how much memory the garbage collector takes for available, and how many processors.</summary>
internal static class Available
{
    public static Task<int> StartAsync(string[] arguments)
    {
        Console.WriteLine($"{GC.GetGCMemoryInfo().TotalAvailableMemoryBytes} {Environment.ProcessorCount}");
        return Task.FromResult(0);
    }
}
