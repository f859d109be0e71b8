using System.Diagnostics;

namespace ContainerKit.KernelTests;

/// <summary>The samples do what they say.</summary>
public class SamplesTests
{
    [Fact]
    public async Task A_plugin_that_hangs_is_killed_and_the_next_one_answers()
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, "PluginOverStdio"))
        {
            RedirectStandardOutput = true,
            Environment = { ["DOTNET_EnableDiagnostics"] = "0" }, // no sockets in the temp directory
        };
        using var sample = Process.Start(start)!;
        var output = await Eventually.Ends(
            sample.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken), seconds: 90);
        await Eventually.Ends(sample.WaitForExitAsync(TestContext.Current.CancellationToken));

        Assert.Equal(0, sample.ExitCode);
        Assert.Equal(
            """
            A new plugin: process 2 of container
            add 2 3: 5
            list the host's users: there is no /home here
            hang: killed, too slow
            A new plugin: process 2 of container
            add 20 22: 42

            """,
            output);
    }
}
