using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>
/// A group whose devices are limited as this host does it, and in version 2 where it would be done in version 1.
/// </summary>
internal sealed class TestDevices : IAsyncDisposable
{
    /// <summary>The only file system that has both.</summary>
    private const string HybridMount = "/sys/fs/cgroup/unified";

    private static readonly DevicesController Controller = new();

    private TestDevices(Cgroup group, CgroupDirectory? beside) => (Group, Beside) = (group, beside);

    /// <summary>The group.</summary>
    public Cgroup Group { get; }

    /// <summary>Its directory of version 2, when the group itself would not take it for devices.</summary>
    public CgroupDirectory? Beside { get; }

    /// <summary>Whether version 2 limits the devices.</summary>
    public bool IsUnified => Beside is not null || TestCgroups.IsPureVersion2;

    /// <summary>Runs a test with each version that this host has.</summary>
    public static async Task InEach(Func<TestDevices, Task> test)
    {
        await using (var devices = new TestDevices(TestCgroups.Create(), null))
        {
            await test(devices);
        }

        if (Directory.Exists(HybridMount))
        {
            var group = TestCgroups.Create();
            await using var devices = new TestDevices(group, OpenUnified(group));
            await test(devices);
        }
    }

    /// <summary>A block device whose use a group can limit; null where there is none.</summary>
    public static BlockDevice? FindDisk()
    {
        const string disks = "/sys/block", throttling = "/sys/fs/cgroup/blkio/blkio.throttle.read_bps_device";
        var isLimited = CgroupFactAttribute.IsPureVersion2
            ? File.ReadAllText($"/sys/fs/cgroup{TestCgroups.Parent}/cgroup.controllers").Split().Contains("io")
            : File.Exists(throttling);
        var disk = !isLimited || !Directory.Exists(disks) ? null
            : Array.Find(Directory.GetDirectories(disks), path => File.ReadAllText($"{path}/size").Trim() != "0");
        return disk is null || File.ReadAllText($"{disk}/dev").Trim().Split(':') is not [var major, var minor] ? null
            : new(uint.Parse(major, null), uint.Parse(minor, null));
    }

    /// <summary>Opens a group's directory of version 2.</summary>
    public static CgroupDirectory OpenUnified(Cgroup group)
    {
        var mount = TestCgroups.IsPureVersion2 ? "/sys/fs/cgroup" : HybridMount;
        return CgroupDirectory.Open(
            new(mount, "", "/", IsUnified: true, []),
            group.Directories.First(directory => directory.StartsWith(mount, StringComparison.Ordinal)));
    }

    /// <summary>Allows these devices, and no others.</summary>
    public void Allow(params IReadOnlyList<DeviceRule> rules)
    {
        var limits = new CgroupLimits { Devices = rules };
        if (Beside is null)
        {
            Group.Update(limits);
        }
        else
        {
            limits.Validate();
            Controller.Write(Beside, limits);
        }
    }

    /// <summary>What is allowed, as text in order.</summary>
    public IEnumerable<string>? Read() =>
        (Beside is null ? Group.ReadLimits() : Controller.Read(Beside, new())).Devices
            ?.Select(rule => rule.ToString()).Order(StringComparer.Ordinal);

    /// <summary>The ids of the programs that decide in version 2.</summary>
    public static uint[] Programs(Cgroup group)
    {
        using var directory = Syscall.Open(
            group.Directories.First(path => File.Exists($"{path}/cgroup.controllers")), OpenFlags.O_RDONLY);
        return Syscall.DeviceProgramsOf(directory, "");
    }

    /// <summary>A shell in the group that tries what it is told.</summary>
    public Resting Shell() => TestCgroups.Rest(
        Group, "while read -r line; do if { eval \"$line\"; } 2>&1; then echo done; fi; done");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Beside?.Dispose();
        await Group.DisposeAsync();
    }
}
