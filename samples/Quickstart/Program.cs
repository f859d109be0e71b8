// Runs the host's own shell in a container and shows what it sees of the host: its programs, and nothing else.
using System.Diagnostics;
using ContainerKit;

var secret = Path.Combine(Path.GetTempPath(), $"secret-of-{Environment.ProcessId}");
File.WriteAllText(secret, "the host's secret");
try
{
    var options = new ContainerOptions
    {
        Command = ["sh", "-c", Script(secret)],
        HostName = "quickstart",
        Timeout = TimeSpan.FromSeconds(30),
    };

    Console.WriteLine(
        $"The host: {Environment.MachineName}, user {Environment.UserName}, process {Environment.ProcessId}");
    var first = Stopwatch.StartNew();
    var result = (await Container.RunAsync(options)).EnsureSuccess();
    first.Stop();
    Console.Write(result.StandardOutput);

    Console.WriteLine(
        $"On the host, /tmp/made-inside {(File.Exists("/tmp/made-inside") ? "exists" : "does not exist")}.");

    var nothing = options with { Command = ["true"] };
    var again = Stopwatch.StartNew();
    (await Container.RunAsync(nothing)).EnsureSuccess();
    Console.WriteLine(
        $"Start to exit: {first.Elapsed.TotalMilliseconds:F0} ms for all this, {again.Elapsed.TotalMilliseconds:F1} ms "
            + "for 'true' after it.");
}
catch (LaunchException failure)
{
    Console.Error.WriteLine(failure.Message);
    Console.Error.WriteLine("What this host can do: dotnet run --project samples/HostReport");
    return 1;
}
finally
{
    File.Delete(secret);
}

return 0;

// Written with what a shell does itself: each program it calls would cost a millisecond.
static string Script(string secret) => $$"""
    read name < /proc/sys/kernel/hostname
    echo "Inside:   $name, user $(id -un), process $$"
    set -- /usr/bin/*; programs=$#; set -- /proc/[1-9]*
    echo "Programs: $programs of the host's; processes: $#"
    echo "Files:   " /*
    cd /sys/class/net; echo "Network: " *
    { read text < '{{secret}}'; } 2>/dev/null && echo "The host's secret is: $text" || echo "The host's secret cannot be read."
    echo hello > /tmp/made-inside && echo "Made /tmp/made-inside."
    """;
