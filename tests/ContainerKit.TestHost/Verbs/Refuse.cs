namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// refuse CALL...: for each system call, starts a container where that fails with ENOMEM, for this process and for what
/// it starts, and prints <c>CALL: </c> and what came of it; at last what was left: descriptors, children.
/// </summary>
internal static class Refuse
{
    public static Task<int> StartAsync(string[] arguments)
    {
        var options = new ContainerOptions { Command = ["true"] };
        Starve.Try(options);
        Starve.Try(options with { Root = RootFilesystem.Directory("/no/such") });
        Console.WriteLine("ready"); // what these load, no thread with a filter has to
        var before = Starve.Descriptors();
        foreach (var call in arguments)
        {
            Console.WriteLine($"{call}: {Starve.OfMemory(options, CallFilter.Of(call))[0]}");
        }

        Console.WriteLine($"nothing: {Starve.Try(options)}");
        Console.WriteLine($"left: {Starve.Left(before)}");
        return Task.FromResult(0);
    }
}
