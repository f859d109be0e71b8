using System.Diagnostics;
using System.Runtime.InteropServices;
using ContainerKit.Launch;

namespace ContainerKit.HostileTests;

/// <summary>
/// Hosts that have run out of something: the start fails with what to do, and works again when there is more.
/// </summary>
public class ResourceExhaustionTests
{
    [Theory]
    [InlineData("descriptors")]
    [InlineData("mounts")] // of which the launcher hands one over for each
    public async Task A_host_without_descriptors_says_so_and_recovers(string what)
    {
        var lines = await StarveAsync([], what);

        // However many there are, from none to one too few: never another error, and nothing half made.
        Assert.All(lines[..^3], line => Assert.Contains("EMFILE", line, StringComparison.Ordinal));
        Assert.All(lines[..^3], line => Assert.Contains("RLIMIT_NOFILE", line, StringComparison.Ordinal));
        Assert.NotEmpty(lines[..^3]);
        Assert.Equal(["exited with code 0", "exited with code 0", "left: "], lines[^3..]);
    }

    [Fact]
    public async Task A_launcher_without_memory_for_its_plan_says_so()
    {
        // By hand: this process's own limit would have to be lower than what .NET has reserved already.
        using var temp = new TempDirectory();
        var (launcher, setup) = (temp["launcher"], temp.Write("setup", ""));
        Launcher.Save(launcher);
        var command = $"exec 3>'{setup}'; exec prlimit --as=200000 '{launcher}'";
        using var process = Process.Start("sh", ["-c", command]);
        await process.WaitForExitAsync(TestContext.Current.CancellationToken)
            .WaitAsync(TimeFactor.Seconds(30), TestContext.Current.CancellationToken);
        var failure = MemoryMarshal.Read<Failure>(File.ReadAllBytes(setup));
        using var none = LaunchPlan.Rent();
        var refusal = LaunchFailure.Describe(none, failure);

        Assert.Equal((125, Errno.ENOMEM), (process.ExitCode, refusal.Errno));
        Assert.Contains("RLIMIT_AS", refusal.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sending", "LinuxException sendmsg ENOMEM")]
    [InlineData("making", "LinuxException memfd_create ENOMEM memfd_create 'containerkit': ENOMEM")]
    [InlineData("writing", "LinuxException pwrite ENOMEM")]
    [InlineData("mapping", "LaunchException mmap ENOMEM")]
    public async Task A_host_that_is_refused_memory_for_a_launcher_says_so_and_recovers(string what, string says)
    {
        var lines = await StarveAsync([], what);

        Assert.StartsWith(says, lines[0], StringComparison.Ordinal);
        Assert.Equal(what == "mapping", lines[0].Contains("raise RLIMIT_AS", StringComparison.Ordinal));
        Assert.Equal(["exited with code 0", "left: "], lines[1..]);
    }

    [Fact]
    public async Task A_host_at_its_limit_of_processes_says_so_and_recovers()
    {
        // The limit does not bind root.
        using var copy = new TempDirectory();
        File.SetUnixFileMode(copy.Path, (UnixFileMode)0x1ED); // 0755
        foreach (var file in Directory.EnumerateFiles(AppContext.BaseDirectory, "ContainerKit*"))
        {
            File.Copy(file, copy[Path.GetFileName(file)]);
        }

        string[] another = Host.IsRoot ? ["setpriv", "--reuid", "54321", "--regid", "54321", "--clear-groups"] : [];
        var lines = await StarveAsync(
            [.. another, "sh", "-c", $"shift; exec {copy["ContainerKit.TestHost"]} \"$@\"", "sh"], "processes");

        Assert.Contains("EAGAIN", lines[0], StringComparison.Ordinal);
        Assert.Contains("RLIMIT_NPROC", lines[0], StringComparison.Ordinal);
        Assert.Equal(["exited with code 0", "left: "], lines[1..]);
    }

    [Fact]
    public async Task A_host_at_its_limit_of_namespaces_says_so()
    {
        foreach (var kind in new[] { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" })
        {
            string[] nested = ["unshare", "--user", "--map-root-user", "sh", "-c",
                $"echo 0 > /proc/sys/user/max_{kind}_namespaces; exec \"$@\"", "sh"];
            var line = Assert.Single(await StarveAsync(nested, "nothing"));

            Assert.Contains("clone3 ENOSPC", line, StringComparison.Ordinal);
            Assert.Contains("user.max_*_namespaces", line, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_host_that_is_root_of_a_user_namespace_starts_containers() =>
        Assert.Equal(["exited with code 0"], await StarveAsync(["unshare", "--user", "--map-root-user"], "nothing"));

    private static async Task<string[]> StarveAsync(string[] through, string what)
    {
        await using var host = HostProcess.StartThrough(through, "starve", what);
        var (code, output) = await host.EndAsync();
        Assert.True(code == 0, host.Errors);
        return output.TrimEnd('\n').Split('\n')[1..];
    }
}
