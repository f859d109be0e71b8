namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// pin PATH: pins a new network namespace there, opens it from there once it is held no more, and unpins it; prints
/// whether it was the same, and what a second pin and a second unpin said.
/// </summary>
internal static class Pin
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var path = arguments[0];
        var made = (await Namespace.CreateAsync(NamespaceKinds.Network))[0];
        made.Pin(path);
        Console.WriteLine(Complaint(() => made.Pin(path)));
        made.Dispose();
        using (var opened = Namespace.Open(path))
        {
            Console.WriteLine(opened.Equals(made));
        }

        Namespace.Unpin(path);
        Console.WriteLine(File.Exists(path));
        await File.WriteAllTextAsync(path, "a file");
        Console.WriteLine(Complaint(() => Namespace.Unpin(path)));
        Console.WriteLine(File.Exists(path));
        var mounts = Namespace.OfThisProcess(NamespaceKinds.Mount);
        Console.WriteLine(Complaint(() => mounts.Pin($"{path}-mounts")));
        Console.WriteLine(File.Exists($"{path}-mounts"));
        return 0;
    }

    private static string Complaint(Action pin)
    {
        try
        {
            pin();
            return "nothing";
        }
        catch (LinuxException failure)
        {
            return $"{failure.Call} {failure.Errno}";
        }
        catch (ArgumentException refusal)
        {
            return refusal.Message;
        }
    }
}
