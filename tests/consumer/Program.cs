// What every user does: one start that goes well, and one that does not. ./check compares what it prints.
using System.Runtime;
using ContainerKit;

var options = new ContainerOptions
    { Command = ["sh", "-c", "echo \"$(hostname) says $0\"; exit 3", "hello"], HostName = "inside" };
var result = await Container.RunAsync(options);
var compiled = JitInfo.GetCompiledMethodCount();

Console.WriteLine(typeof(Container).Assembly.GetName().Version);
Console.WriteLine($"{result.StandardOutput.TrimEnd()}; it {result.ExitStatus}");
try
{
    await Container.RunAsync(options with { Command = ["/no/such/program"] });
}
catch (LaunchException failure)
{
    Console.WriteLine($"{nameof(LaunchException)}: {failure.Errno} in {failure.Call}");
}

Console.WriteLine($"{compiled} methods compiled for the first start");
