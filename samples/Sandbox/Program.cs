using ContainerKit;
using Sandbox;

// Runs a command of this host as a plugin that nobody trusts: it has the host's programs, the paths it is given, and
// nothing else. Afterwards it says what isolated the command, and what it was denied as far as the kernel's log tells.
if (Arguments.Parse(args) is not { } arguments)
{
    Console.Error.WriteLine(Arguments.Usage);
    return 2;
}

await using var output = Console.OpenStandardOutput();
await using var errors = Console.OpenStandardError();
var options = SandboxProfiles.Plugin with
{
    Command = arguments.Command,
    Mounts = arguments.Mounts,
    SingleProcess = arguments.SingleProcess,
    Limits = arguments.Memory is { } memory ? new() { Memory = memory, Pids = 256 } : null,
    Seccomp = SeccompProfile.Plugin with { LogDenied = true },
    Landlock = SandboxProfiles.Plugin.Landlock! with { LogsDenials = true }, // where the kernel can: BestEffort
    StandardInput = StandardStream.Inherit,
    StandardOutput = StandardStream.To(output),
    StandardError = StandardStream.To(errors),
};

try
{
    var before = KernelLog.Read();
    await using var container = await Container.StartAsync(options);
    var result = await container.WaitForResultAsync();
    Console.Error.WriteLine($"\n{arguments.Command[0]} {result.ExitStatus}.");
    Console.Error.WriteLine($"{result.Isolation}: {result.IsolationProperties}.");
    foreach (var denial in KernelLog.DenialsAfter(before, arguments.Command[0], container.Pid))
    {
        Console.Error.WriteLine(denial);
    }

    return result.ExitStatus.ExitCode ?? 1;
}
catch (IsolationUnavailableException refused)
{
    Console.Error.WriteLine($"This host cannot hold it:\n{refused.Message}");
    return 1;
}
catch (Exception failure) when (failure is LinuxException or LimitNotSupportedException or ArgumentException)
{
    Console.Error.WriteLine(failure.Message);
    return 1;
}
