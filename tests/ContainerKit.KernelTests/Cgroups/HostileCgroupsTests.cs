namespace ContainerKit.KernelTests.Cgroups;

/// <summary>What a host's cgroups lack is refused by name: each test makes such surroundings for a host of its own.
/// </summary>
public sealed class HostileCgroupsTests
{
    private const string ReadOnly = """
        while read -r _ target type _; do
            case $type in cgroup*) mount -o remount,bind,ro "$target";; esac
        done </proc/self/mounts
        """;

    [CgroupFact(AsRoot = true, OfVersion1 = true)]
    public Task Time_on_cpus_that_is_not_counted_is_not_limited() => RefusedAsync(
        Without("cpuacct"),
        "LimitNotSupportedException: Time on CPUs is not counted", "cpuacct");

    [CgroupFact(AsRoot = true, OfVersion1 = true)]
    public Task A_controller_that_is_not_there_is_named() => RefusedAsync(
        Without("pids"),
        "LimitNotSupportedException: The controller pids is not to be had", "mount its hierarchy");

    [CgroupFact(AsRoot = true)]
    public Task A_read_only_mount_is_named() => RefusedAsync(
        ReadOnly, "LaunchException: the container's cgroup: mkdirat", "EROFS. Mount /sys/fs/cgroup for writing");

    [CgroupFact(AsRoot = true)]
    public Task A_read_only_mount_is_told_to_who_makes_a_group() => RefusedAsync(
        ReadOnly, "LinuxException: mkdirat '", "EROFS",
        "make", $"{TestCgroups.Parent.TrimEnd('/')}/{TestCgroups.NewName()}");

    /// <summary>Unmounts what has a controller, and version 2.</summary>
    private static string Without(string controller) => $$"""
        umount $(awk '$3 == "cgroup2" || $3 == "cgroup" && "," $4 "," ~ /,{{controller}},/ { print $2 }' /proc/mounts)
        """;

    /// <summary>Fails unless a host refuses with these words, and leaves nothing.</summary>
    private static async Task RefusedAsync(string script, string refusal, string advice, params string[] verb)
    {
        var before = await Leftovers.Before();
        await using (var host = HostProcess.StartThrough(
            ["unshare", "--mount", "sh", "-ec", $"{script}\nexec \"$@\"", "sh"],
            verb.Length > 0 ? verb : ["limited", TestCgroups.Parent, "true"]))
        {
            var (exitCode, output) = await host.EndAsync();
            Assert.True(exitCode == 0, host.Errors);
            Assert.StartsWith(refusal, output, StringComparison.Ordinal);
            Assert.Contains(advice, output, StringComparison.Ordinal);
        }

        await before.AssertNone();
    }
}
