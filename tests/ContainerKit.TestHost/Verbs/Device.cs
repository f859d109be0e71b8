namespace ContainerKit.TestHost.Verbs;

/// <summary>device PATH: starts a container that is shown a device, and prints what came of it.</summary>
internal static class Device
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        try
        {
            Console.WriteLine(
                (await Container.RunAsync(
                    new() { Command = ["true"], Mounts = [new DeviceMount(arguments[0], "/tmp/device")] })).ExitStatus);
        }
        catch (LinuxException failure)
        {
            Console.WriteLine($"{failure.GetType().Name} {failure.Call} {failure.Errno} {failure.Message}");
        }

        return 0;
    }
}
