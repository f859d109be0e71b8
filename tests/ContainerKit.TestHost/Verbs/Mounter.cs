using System.Diagnostics;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// mounter DIRECTORY: runs a container with a host that keeps a spare, reads a line, mounts a tmpfs with a file in it
/// on the directory, and prints what a container that is shown the directory sees there. Ends with its input.
/// </summary>
internal static class Mounter
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var directory = arguments[0];
        await using var host = new ContainerHost(new() { Spares = 1 });
        var options = new ContainerOptions
        { Command = ["ls", "/tmp/shown"], Mounts = [new BindMount(directory, "/tmp/shown")] };
        await host.RunAsync(options);
        await Console.In.ReadLineAsync();
        using (var mount = Process.Start("mount", ["-t", "tmpfs", "tmpfs", directory]))
        {
            await mount.WaitForExitAsync();
        }

        await File.WriteAllTextAsync(Path.Combine(directory, "mounted"), "");
        Console.Write((await host.RunAsync(options)).StandardOutput);
        await Console.In.ReadToEndAsync();
        return 0;
    }
}
