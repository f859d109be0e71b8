using System.Globalization;

namespace ContainerKit.KernelTests;

/// <content>State directories that are full, read-only, damaged, or somebody else's.</content>
public sealed partial class DetachedTests
{
    /// <summary>In which a state directory is mounted by the script that comes next.</summary>
    private static readonly string[] WithMounts =
        ["unshare", "--map-root-user", "--mount", "--propagation", "private", "sh", "-ec"];

    [Theory]
    [InlineData("pages", "size=256k")]
    [InlineData("files", "nr_inodes=64")]
    public async Task A_start_on_a_full_disk_says_so_and_leaves_nothing(string of, string limit)
    {
        Directory.CreateDirectory(_temp["small"]);
        var before = await Leftovers.Before();
        await using (var host = HostProcess.StartThrough(
            [.. WithMounts, $"mount -t tmpfs -o {limit},mode=0700 small {_temp["small"]}; exec \"$@\"", "sh"],
            "fill", _temp["small"], of))
        {
            var (code, output) = await host.EndAsync();
            Assert.True(code == 0, $"{host.Errors}\n{output}");
            var lines = output.TrimEnd('\n').Split('\n');
            Assert.Equal(("done", "done; left: "), (lines[0], lines[^1]));
            Assert.NotEmpty(lines[1..^1]);
            Assert.All(lines[1..^1], line =>
            {
                Assert.StartsWith("LaunchException ENOSPC", line, StringComparison.Ordinal);
                Assert.Contains("Its file system is full: set ContainerHostOptions.StateDirectory", line,
                    StringComparison.Ordinal);
                Assert.EndsWith("; left: ", line, StringComparison.Ordinal);
            });
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task A_read_only_disk_is_named_and_what_is_there_can_be_attached_to()
    {
        const string refused = "LaunchException EROFS";
        await using var live = await _host.StartDetachedAsync("live", Sleeper, Cancelled);
        await AssertReadOnlyAsync("state", "none", [refused, refused, "LaunchException ENOENT", "done"]);
        Assert.True(ProcessTree.IsAlive(live.Pid));
        await AssertReadOnlyAsync("state", "live", [refused, refused, "done", refused]);
        Assert.Equal(Signal.SIGKILL, (await Eventually.Ends(live.WaitAsync(Cancelled))).Signal); // that much was done

        Directory.CreateDirectory(_temp["empty"]);
        File.SetUnixFileMode(_temp["empty"], (UnixFileMode)0x1C0); // 0700
        await AssertReadOnlyAsync("empty", "none", [refused, refused, refused, refused]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_temp["empty"]));
    }

    [Fact]
    public async Task A_state_directory_of_another_user_is_refused()
    {
        if (Host.IsRoot)
        {
            Directory.CreateDirectory(_temp["others"]);
            Tools.Run("chown", "65534", _temp["others"]);
        }

        var state = Host.IsRoot ? _temp["others"] : "/usr";
        await using var host = new ContainerHost(new() { StateDirectory = state });
        foreach (var attempt in new Func<Task>[]
        {
            () => host.StartDetachedAsync("one", Sleeper, Cancelled), () => host.ListAsync(Cancelled),
            () => host.AttachAsync("one", Cancelled), () => host.RemoveAsync("one", Cancelled),
        })
        {
            var refusal = await Assert.ThrowsAsync<LaunchException>(attempt);
            Assert.Equal(("the state directory", Errno.EPERM), (refusal.Cause, refusal.Errno));
            Assert.Contains("It belongs to user", refusal.Hint, StringComparison.Ordinal);
        }

        Assert.True(!Host.IsRoot || !Directory.EnumerateFileSystemEntries(state).Any());
    }

    private async Task AssertReadOnlyAsync(string directory, string id, string[] says)
    {
        var path = _temp[directory];
        await using var host = HostProcess.StartThrough(
            [.. WithMounts, $"mount --bind {path} {path}; mount -o remount,bind,ro {path}; exec \"$@\"", "sh"],
            "state", path, id);
        var (code, output) = await host.EndAsync();
        Assert.True(code == 0, $"{host.Errors}\n{output}");
        var lines = output.TrimEnd('\n').Split('\n');
        Assert.Equal(4, lines.Length);
        foreach (var (line, expected) in lines.Zip(says))
        {
            Assert.Contains($": {expected}", line, StringComparison.Ordinal);
            Assert.Equal(expected.Contains("EROFS", StringComparison.Ordinal),
                line.Contains("It lies on a read-only file system: set Con", StringComparison.Ordinal));
        }
    }
}
