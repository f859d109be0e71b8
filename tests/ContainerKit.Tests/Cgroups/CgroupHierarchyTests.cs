using ContainerKit.Linux;

namespace ContainerKit.Tests.Cgroups;

/// <summary>A group's directory is found whatever is mounted how often.</summary>
public class CgroupHierarchyTests
{
    private static readonly MountInfo
        Host = Version2("/", "/sys/fs/cgroup"), Part = Version2("/part", "/mnt/part"),
        Inner = Version2("/part/inner", "/mnt/inner"), Other = Version2("/other", "/mnt/other"),
        Memory = new("/", "/sys/fs/cgroup/memory", "rw", "cgroup", "rw,memory");

    public static TheoryData<string, string[]> Mounts => new()
    {
        { "/sys/fs/cgroup/part/own", ["Host", "Part", "Inner"] },
        { "/sys/fs/cgroup/part/own", ["Part", "Host", "Other"] },
        { "/mnt/part/own", ["Part", "Other"] },
        { "/mnt/part/own", ["Other", "Part", "Memory"] },
        { "/mnt/part/own", ["Other", "Inner", "Part"] },
    };

    [Theory]
    [MemberData(nameof(Mounts))]
    public void The_mount_that_shows_most_of_what_the_group_is_in_is_taken(string directory, string[] mounts) =>
        Assert.Equal(directory, Find("0::/part/own", mounts)!.DirectoryOf(""));

    [Fact]
    public void A_group_that_no_mount_shows_has_no_directory()
    {
        Assert.Null(Find("0::/part/own", "Inner")!.DirectoryOf(""));
        Assert.Null(Find("0::/partner", "Part")!.DirectoryOf(""));
        Assert.Null(Find("0::/part/own", "Memory"));
    }

    [Fact]
    public void A_hierarchy_of_version_1_is_found_by_its_controllers()
    {
        Assert.Equal("/sys/fs/cgroup/memory/a/b", Find("4:memory:/a", "Host", "Memory")!.DirectoryOf("b"));
        Assert.Null(Find("4:memory,cpu:/a", "Host", "Memory"));
    }

    private static CgroupHierarchy? Find(string line, params string[] mounts) => CgroupHierarchy.Find(
        line,
        [.. mounts.Select(name => name switch
        {
            "Host" => Host,
            "Part" => Part,
            "Inner" => Inner,
            "Other" => Other,
            _ => Memory,
        })]);

    private static MountInfo Version2(string root, string target) => new(root, target, "rw", "cgroup2", "rw");
}
