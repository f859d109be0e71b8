namespace ContainerKit.TestHost.Verbs;

/// <summary>hello: uses threads, the heap and compiled generics, and prints a sum that shows it.</summary>
internal static class Hello
{
    public static async Task<int> StartAsync(string[] _)
    {
        var sums = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(i => Task.Run(() => new List<int>(Enumerable.Range(i * 1000, 1000)).Sum())));
        GC.Collect();
        Console.WriteLine(sums.Sum());
        return 0;
    }
}
