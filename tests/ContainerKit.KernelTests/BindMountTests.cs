using System.Diagnostics;

namespace ContainerKit.KernelTests;

/// <summary>
/// How directories of the host are shown: with what is mounted below them, and whose their files are.
/// </summary>
public class BindMountTests
{
    /// <summary>A directory with a tmpfs in its subdirectory, which nobody sees but who runs in it.</summary>
    private static readonly string[] WithMountBelow =
        ["unshare", "--map-root-user", "--mount", "sh", "-ec",
            "mount -t tmpfs none $0/below; : >$0/below/file; chmod 0777 $0/below; exec \"$@\""];

    [Fact]
    public async Task What_is_mounted_below_is_read_only_too()
    {
        using var temp = Shared();
        Assert.Equal(
            "file\nrefused\nexited with code 0",
            await ShowAsync(temp, "", "ls /tmp/shown/below; (: >/tmp/shown/below/new) 2>/dev/null || echo refused"));
    }

    [Fact]
    public async Task What_is_mounted_below_can_be_written_when_said() =>
        Assert.Equal("file\nnew\nexited with code 0",
            await ShowAsync(Shared(), "ReadOnly=false", ": >/tmp/shown/below/new; ls /tmp/shown/below"));

    [Fact]
    public async Task What_is_mounted_below_is_not_shown_when_said() =>
        Assert.Equal(
            "0\nexited with code 0", await ShowAsync(Shared(), "Recursive=false", "ls -A /tmp/shown/below | wc -l"));

    [Fact]
    public async Task A_program_of_it_runs_unless_said_otherwise()
    {
        using var temp = Shared();
        File.Copy("/bin/true", temp["true"]);
        File.SetUnixFileMode(temp["true"], (UnixFileMode)0x1ED); // 0755
        var options = new ContainerOptions
        { Command = ["/tmp/shown/true"], Mounts = [new BindMount(temp.Path, "/tmp/shown")] };

        await Script.OutputAsync(options);
        var refusal = await Refusal.OfStartAsync(
            options with { Mounts = [new BindMount(temp.Path, "/tmp/shown") { NoExec = true }] });
        Assert.Equal(("execve", Errno.EACCES), (refusal.Call, refusal.Errno));
    }

    [Theory]
    [InlineData("Slave", "later")]
    [InlineData("Private", "")]
    public async Task What_the_host_mounts_later_appears_when_said(string propagation, string expected)
    {
        using var temp = Shared();
        Directory.CreateDirectory(temp["below"]);
        await using var host = HostProcess.StartThrough(
            ["unshare", "--map-root-user", "--mount", "sh", "-ec",
                "mount --bind $0 $0; mount --make-shared $0; exec \"$@\"", temp.Path],
            "show", temp.Path, $"Propagation={propagation}", "echo up; read line; ls /tmp/shown/below; sleep 0");
        Assert.Equal("up", await host.ReadLineAsync());
        using (var mount = Process.Start(
            "nsenter", ["--preserve-credentials", "-t", $"{host.Process.Id}", "-U", "-m", "sh", "-ec",
                $"mount -t tmpfs none {temp["below"]}; : >{temp["below/later"]}"]))
        {
            await mount.WaitForExitAsync(TestContext.Current.CancellationToken);
            Assert.Equal(0, mount.ExitCode);
        }

        await host.WriteLineAsync("go");
        Assert.Equal($"{expected}\nexited with code 0".TrimStart('\n'), (await host.EndAsync()).Output.TrimEnd('\n'));
    }

    [Fact]
    public async Task A_source_to_which_nothing_propagates_is_named()
    {
        using var temp = Shared();
        var said = await ShowAsync(temp, "Propagation=Slave", "true");

        Assert.StartsWith("LaunchException mount_setattr EINVAL", said, StringComparison.Ordinal);
        Assert.Contains("--make-shared", said, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_propagation_is_refused() =>
        await Refusal.OfOptionsAsync(Script.Shell("true") with
        { Mounts = [new BindMount("/usr", "/tmp/x") { Propagation = (MountPropagation)2 }] });

    [Fact]
    public async Task Mapped_files_of_the_hosts_caller_are_the_containers_users()
    {
        using var temp = new TempDirectory(); // 0700, of this user
        temp.Write("shown/file", "secret");
        File.SetUnixFileMode(temp["shown/file"], UnixFileMode.UserRead);
        var mount = new BindMount(temp["shown"], "/tmp/shown") { MapIds = true };
        var options = Script.Shell(
            "stat -c %u:%g /tmp/shown/file; cat /tmp/shown/file; (: >/tmp/shown/new) 2>/dev/null || echo refused");

        Assert.Equal("0:0\nsecretrefused", await Script.OutputAsync(options with { Mounts = [mount] }));
        Assert.Equal(
            "0:0\nsecret", await Script.OutputAsync(options with { Mounts = [mount with { ReadOnly = false }] }));
        // a file of this user's
        Assert.Equal("0:0", Tools.Run("stat", "-c", Host.IsRoot ? "%u:%g" : "0:0", temp["shown/new"]).Trim());
    }

    [RootFact]
    public async Task Files_are_not_mapped_unless_said()
    {
        using var temp = new TempDirectory();
        temp.Write("file", "secret");

        Assert.False(
            (await Script.RunAsync(Script.Shell("cat /tmp/shown/file") with
            { Mounts = [new BindMount(temp.Path, "/tmp/shown")] })).ExitStatus.IsSuccess);
    }

    [RootFact]
    public async Task A_file_system_that_cannot_map_ids_fails_the_start()
    {
        var failure = await Refusal.OfStartAsync(Script.Shell("true") with
        { Mounts = [new BindMount("/proc", "/tmp/shown") { MapIds = true, Recursive = false }] });

        Assert.Equal(("mount_setattr", Errno.EINVAL), (failure.Call, failure.Errno));
        Assert.Contains("cannot map ids", failure.Hint, StringComparison.Ordinal);
    }

    [RootFact]
    public async Task What_is_mapped_and_written_must_be_closed_to_other_users()
    {
        using var temp = new TempDirectory();
        using var shared = Shared();
        Directory.CreateDirectory(shared["closed"]); // which its program could open up
        File.SetUnixFileMode(shared["closed"], (UnixFileMode)0x1C0); // 0700
        foreach (var source in new[] { shared.Path, shared["closed"], temp.Write("file", "") })
        {
            var mount = new BindMount(source, "/tmp/shown") { MapIds = true, ReadOnly = false };
            Assert.Contains(
                "chmod 0700", (await Refusal.OfOptionsAsync(Script.Shell("true") with { Mounts = [mount] })).Message,
                StringComparison.Ordinal);
            await Script.OutputAsync(Script.Shell("true") with { Mounts = [mount with { ReadOnly = true }] });
        }
    }

    private static async Task<string> ShowAsync(TempDirectory directory, string how, string script)
    {
        Directory.CreateDirectory(directory["below"]);
        await using var host =
            HostProcess.StartThrough([.. WithMountBelow, directory.Path], "show", directory.Path, how, script);
        host.Process.StandardInput.Close();
        var (exitCode, output) = await host.EndAsync();
        Assert.True(exitCode == 0, $"{exitCode}\n{host.Errors}\n{output}");
        return output.TrimEnd('\n');
    }

    private static TempDirectory Shared()
    {
        var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        return temp;
    }
}
