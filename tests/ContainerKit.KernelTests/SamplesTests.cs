using System.Diagnostics;
using ContainerKit.KernelTests.Cgroups;

namespace ContainerKit.KernelTests;

/// <summary>The samples do what they say.</summary>
public class SamplesTests
{
    [Fact]
    public async Task A_plugin_that_hangs_is_killed_and_the_next_one_answers() =>
        Assert.Equal(
            """
            A new plugin: process 2 of container
            add 2 3: 5
            list the host's users: there is no /home here
            hang: killed, too slow
            A new plugin: process 2 of container
            add 20 22: 42

            """,
            await OutputAsync("PluginOverStdio"));

    [Fact]
    public async Task The_quickstart_keeps_its_secret_and_leaves_nothing_on_the_host()
    {
        var before = await Leftovers.Before();
        var lines = (await OutputAsync("Quickstart")).Split('\n');

        Assert.StartsWith($"The host: {Environment.MachineName}, user ", lines[0], StringComparison.Ordinal);
        Assert.Equal("Inside:   quickstart, user root, process 2", lines[1]);
        Assert.Matches("^Programs: [1-9][0-9]+ of the host's; processes: 2$", lines[2]);
        Assert.Equal("Network:  lo", lines[4]);
        Assert.Equal(
            [
                "The host's secret cannot be read.",
                "Made /tmp/made-inside.",
                "On the host, /tmp/made-inside does not exist.",
            ],
            lines[5..8]);
        Assert.False(File.Exists("/tmp/made-inside"));
        await before.AssertNone();
    }

    [Fact]
    public async Task The_report_says_that_containers_run_here()
    {
        var output = await OutputAsync("HostReport");

        Assert.Matches("(?m)^default container +yes$", output);
        Assert.EndsWith("\n\nContainers run here.\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_plan_is_printed_and_not_carried_out()
    {
        var output = await OutputAsync("PrintThePlan", "/no/such/program", "its argument");

        Assert.StartsWith("Outside:\n  rt_sigprocmask(", output, StringComparison.Ordinal);
        Assert.Contains("\n  pivot_root(\".\", \".\")\n", output, StringComparison.Ordinal);
        Assert.Contains("\n  execve(\"/no/such/program\", [\"/no/such/program\", \"its argument\"], [PATH, HOME])\n",
            output, StringComparison.Ordinal);
    }

    [CgroupFact]
    public async Task What_eats_memory_burns_cpu_time_or_forks_is_stopped_by_its_limit()
    {
        var output = await OutputAsync("ResourceLimits", TestCgroups.Parent);

        Assert.Matches(@"(?m)^'eats memory' was killed by want of memory .* 1 killed by want of memory\.$", output);
        Assert.Matches(@"(?m)^'burns CPU' ran longer than its timeout .* 0\.[5-9]\d s of CPU", output);
        Assert.Matches(@"(?m)^'forks' exited with code 2 .* and 40 processes", output);
        Assert.Matches(@"(?m)^burns CPU +[0-9.]+ +[0-9.]*[1-9]", output); // it was made to wait
    }

    [Fact]
    public async Task What_a_command_changed_in_an_image_is_there_in_the_store_of_another_host()
    {
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1ED); // 0755: the stores themselves are closed
        ShellArchive.Write(temp["root.tar"]);
        var output = await OutputAsync(
            "RunImage", "--root", "--store", temp["one"], temp["root.tar"], temp["changed.tar"],
            "/bin/sh", "-c", "echo changed >/greeting; echo said in it");

        Assert.Matches("(?m)^sha256:[0-9a-f]{64}: 1 layers, .* packed$", output);
        Assert.Contains("\nsaid in it\nThe command exited with code 0, and changed ", output, StringComparison.Ordinal);
        Assert.Contains($"\nSaved as {temp["changed.tar"]}: 2 layers, ", output, StringComparison.Ordinal);

        output = await OutputAsync(
            "RunImage", "--store", temp["other"], temp["changed.tar"], temp["again.tar"],
            "/bin/sh", "-c", "read -r word </greeting; echo it was $word");
        Assert.Contains(": 2 layers, ", output, StringComparison.Ordinal);
        Assert.Contains("\nit was changed\n", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sandbox_shows_its_command_what_it_was_given_and_nothing_else()
    {
        using var temp = new TempDirectory();
        Directory.CreateDirectory(temp["read"]);
        Directory.CreateDirectory(temp["write"]);
        File.SetUnixFileMode(temp["write"], (UnixFileMode)0x1FF); // 0777: as root it is another user who writes
        await File.WriteAllTextAsync(temp["read/name"], "given", TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(temp["secret"], "secret", TestContext.Current.CancellationToken);

        var output = await OutputAsync(
            "Sandbox", "--read", temp["read"], "--write", temp["write"], "sh", "-c", $"""
            cat {temp["read/name"]} {temp["secret"]} 2>&-
            (echo >{temp["read/new"]}) 2>&-
            echo made >{temp["write/file"]}
            """);

        Assert.Equal("given", output);
        Assert.Equal("made\n", await File.ReadAllTextAsync(temp["write/file"], TestContext.Current.CancellationToken));
        Assert.False(File.Exists(temp["read/new"]));
    }

    [CgroupFact(AsRoot = true)]
    public async Task A_sandbox_with_a_limit_has_no_more_memory()
    {
        var start = new ProcessStartInfo(
            Path.Combine(AppContext.BaseDirectory, "Sandbox"),
            ["--memory", "64", "/usr/bin/python3", "-I", "-c", "bytearray(1 << 28)"])
        {
            RedirectStandardError = true,
            Environment = { ["DOTNET_EnableDiagnostics"] = "0" },
        };
        using var sample = Process.Start(start)!;
        using var complaints = sample.StandardError;
        var said = await Eventually.Ends(complaints.ReadToEndAsync(TestContext.Current.CancellationToken));

        Assert.Contains("memory", said, StringComparison.Ordinal);
        Assert.Contains(nameof(IsolationProperties.MemoryLimit), said, StringComparison.Ordinal);
    }

    [PythonFact]
    public async Task A_sandbox_says_what_the_kernel_tells_of_denials()
    {
        string[] command = ["/usr/bin/python3", "-I", "-c", "import ctypes; ctypes.CDLL(None).mount(0, 0, 0, 0, 0)"];
        var (_, said) = await RunAsync("Sandbox", command);

        var mount = Linux.SyscallTable.NumberOf(
            "mount", System.Runtime.InteropServices.RuntimeInformation.ProcessArchitecture);
        var denials = said.Split('\n').Where(line => line.StartsWith("Denied", StringComparison.Ordinal));
        var log = await KernelLogAsync();
        Assert.Equal(log is null, said.Contains("the kernel's log cannot be read", StringComparison.Ordinal));
        var logged = log?.Split('\n').Count(line => line.Contains("audit: type=1326", StringComparison.Ordinal)
            && line.Contains("comm=\"python3\"", StringComparison.Ordinal)
            && line.Contains($" syscall={mount} ", StringComparison.Ordinal));
        if (logged > 0) // or auditing is off, or a daemon of the host's has it
        {
            Assert.Contains($"Denied: python3 made the system call {mount}.", denials);
        }
    }

    /// <summary>The kernel's log; null for whom it is closed to.</summary>
    private static async Task<string?> KernelLogAsync()
    {
        using var dmesg = Process.Start(
            new ProcessStartInfo("dmesg") { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var log = await Eventually.Ends(dmesg.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
        await Eventually.Ends(dmesg.WaitForExitAsync(TestContext.Current.CancellationToken));
        return dmesg.ExitCode == 0 ? log : null;
    }

    /// <summary>What a sample prints, which must succeed.</summary>
    private static async Task<string> OutputAsync(string name, params string[] arguments) =>
        (await RunAsync(name, arguments)).Output;

    private static async Task<(string Output, string Errors)> RunAsync(string name, string[] arguments)
    {
        var start = new ProcessStartInfo(Path.Combine(AppContext.BaseDirectory, name), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            Environment = { ["DOTNET_EnableDiagnostics"] = "0" }, // no sockets in the temp directory
        };
        using var sample = Process.Start(start)!;
        using StreamReader outputs = sample.StandardOutput, complaints = sample.StandardError; // or they stay open
        var (output, errors) = (
            outputs.ReadToEndAsync(TestContext.Current.CancellationToken),
            complaints.ReadToEndAsync(TestContext.Current.CancellationToken));
        await Eventually.Ends(Task.WhenAll(output, errors), seconds: 90);
        await Eventually.Ends(sample.WaitForExitAsync(TestContext.Current.CancellationToken));
        Assert.True(sample.ExitCode == 0, $"{await output}\n{await errors}");
        return (await output, await errors);
    }
}
