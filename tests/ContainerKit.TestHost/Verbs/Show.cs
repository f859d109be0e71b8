namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// show DIRECTORY HOW SCRIPT: runs a script of the shell in a container that is shown the directory at /tmp/shown, its
/// streams those of this process, and prints how it ended. HOW is ReadOnly=false, Recursive=false, Propagation=... or
/// nothing.
/// </summary>
internal static class Show
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var mount = new BindMount(arguments[0], "/tmp/shown");
        mount = arguments[1].Split('=') switch
        {
            ["ReadOnly", var value] => mount with { ReadOnly = bool.Parse(value) },
            ["Recursive", var value] => mount with { Recursive = bool.Parse(value) },
            ["Propagation", var value] => mount with { Propagation = Enum.Parse<MountPropagation>(value) },
            _ => mount,
        };
        try
        {
            var result = await Container.RunAsync(new()
            {
                Command = ["sh", "-c", arguments[2]],
                Mounts = [mount],
                MaxProcesses = null, // this process can be the host's root, whom no such limit binds
                StandardInput = StandardStream.Inherit,
                StandardOutput = StandardStream.Inherit,
                StandardError = StandardStream.Inherit,
            });
            Console.WriteLine(result.ExitStatus);
        }
        catch (LinuxException failure)
        {
            Console.WriteLine($"{failure.GetType().Name} {failure.Call} {failure.Errno} {failure.Message}");
        }

        return 0;
    }
}
