namespace ContainerKit.HostileTests;

/// <summary>Hosts in whose /dev something else lies where a device should: each has mounts of its own.</summary>
public class HostileDeviceTests
{
    [Theory]
    [InlineData("null", "1:3")]
    [InlineData("zero", "1:5")]
    [InlineData("full", "1:7")]
    [InlineData("random", "1:8")]
    [InlineData("tty", "5:0")]
    public async Task A_file_in_the_place_of_a_device_is_named(string name, string number)
    {
        using var temp = new TempDirectory();
        var said = await StartOnAsync($"mount --bind {temp.Write("file", "")} /dev/{name}");

        Assert.StartsWith(
            $"LaunchException statx ENODEV the private /dev: statx(\"/dev/{name}\")", said, StringComparison.Ordinal);
        Assert.Contains($"no character device instead of {number}", said, StringComparison.Ordinal);
        Assert.Contains($"mknod -m 0666 /dev/{name} c {number.Replace(':', ' ')}", said, StringComparison.Ordinal);
        Assert.Equal("", File.ReadAllText(temp["file"]));
    }

    [Theory]
    [InlineData("null", "1:3")]
    [InlineData("urandom", "1:9")] // .NET itself does not start where this is an empty file
    public async Task Another_device_in_the_place_of_one_is_named(string name, string number) =>
        Assert.Contains(
            $"the device 1:5 instead of {number}",
            await StartOnAsync($"mount --bind /dev/zero /dev/{name}"), StringComparison.Ordinal);

    [Fact]
    public async Task A_link_to_a_device_is_one()
    {
        using var temp = new TempDirectory();
        var script = DevicesIn(temp, "zero full random urandom tty") + "\nln -s $temp/null /dev/null";
        Assert.Equal("exited with code 0", await StartOnAsync(script));
    }

    [Fact]
    public async Task A_missing_device_is_named()
    {
        using var temp = new TempDirectory();
        Assert.StartsWith(
            "LaunchException statx ENODEV the private /dev: statx(\"/dev/full\") failed: ENODEV. On this host it is "
                + "missing",
            await StartOnAsync(DevicesIn(temp, "null zero urandom")), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_report_names_it()
    {
        var found = await Report.InAsync(["unshare", "--map-root-user", "--mount"], "mount --bind /dev/zero /dev/null");
        found.AssertNo("default container", "/dev/null", "mknod");
    }

    /// <summary>Gives the host a /dev with few devices; all are in a directory.</summary>
    private static string DevicesIn(TempDirectory directory, string names) => $"""
        temp={directory.Path}
        mount --rbind /dev $temp
        mount -t tmpfs none /dev
        for name in {names}; do : >/dev/$name; mount --bind $temp/$name /dev/$name; done
        """;

    /// <summary>What comes of a start in surroundings that a script prepares.</summary>
    private static async Task<string> StartOnAsync(string script)
    {
        await using var host = HostProcess.StartThrough(
            ["unshare", "--map-root-user", "--mount", "sh", "-ec", $"{script}\nexec \"$@\"", "sh"],
            "starve", "nothing");
        var (exitCode, output) = await host.EndAsync();
        Assert.True(exitCode == 0, $"{exitCode}\n{host.Errors}\n{output}");
        return output["ready\n".Length..].TrimEnd('\n');
    }
}
