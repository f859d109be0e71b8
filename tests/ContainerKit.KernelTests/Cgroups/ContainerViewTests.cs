using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>A container sees its own cgroup, and no other.</summary>
public sealed class ContainerViewTests : IAsyncDisposable
{
    private readonly ContainerHost _host = new(new() { CgroupParent = TestCgroups.Parent });

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static string MemoryLimit =>
        TestCgroups.IsPureVersion2 ? "memory.max" : "memory/memory.limit_in_bytes";

    public ValueTask DisposeAsync() => _host.DisposeAsync();

    [CgroupFact]
    public async Task A_programs_own_group_is_all_it_sees()
    {
        var result = await _host.RunAsync(
            new() { Command = ["cat", "/proc/self/cgroup"], Limits = new() }, Cancelled);
        Assert.DoesNotContain("containerkit", result.StandardOutput, StringComparison.Ordinal);
        Assert.Contains(":/\n", result.StandardOutput, StringComparison.Ordinal);
        var shown = await _host.RunAsync(
            Script.Shell($"cd /sys/fs/cgroup; cat {MemoryLimit}; find . -name cgroup.procs -exec cat {{}} + | sort -u; "
                + "find . -mindepth 2 -type d; find . -name 'containerkit*' -o -name release_agent") with
            { Limits = new() { Memory = ByteSize.MiB(64) } },
            Cancelled);
        Assert.StartsWith("67108864\n", shown.StandardOutput, StringComparison.Ordinal);
        var numbers = shown.StandardOutput.Split('\n', StringSplitOptions.RemoveEmptyEntries)[1..];
        Assert.All(numbers, number => Assert.InRange(int.Parse(number, null), 1, 10)); // its own, and nothing else
    }

    [CgroupFact]
    public async Task Each_hierarchy_of_its_group_is_shown_and_cannot_be_written()
    {
        await using var container = await _host.StartAsync(
            new() { Command = ["sleep", "1000"], Limits = new() }, Cancelled);
        var output = await OutputAsync(container, """
            cd /sys/fs/cgroup
            for group in $(find . -name cgroup.procs -exec dirname {} \;); do
                echo $(basename $group)
                for file in $group/*; do (: >$file) 2>/dev/null && echo wrote $file; done
                mkdir $group/new 2>/dev/null && echo made $group/new
                mount -o remount,rw $group 2>/dev/null && echo remounted $group
                mount -o remount,bind,rw $group 2>/dev/null && echo remounted $group
            done
            (: >new) 2>/dev/null && echo wrote beside them
            true
            """);
        await using var parent = Cgroup.Open(TestCgroups.Parent);
        var expected = TestCgroups.IsPureVersion2 ? ["."] : parent.Directories.Select(ShownAs);
        Assert.Equal(expected.Order(StringComparer.Ordinal), output.Split('\n').Order(StringComparer.Ordinal));
    }

    private static string ShownAs(string directory)
    {
        var mount = directory[..^TestCgroups.Parent.TrimEnd('/').Length];
        var hierarchy = MountInfo.ReadAll().Last(shown => shown.Target == mount.TrimEnd('/'));
        return hierarchy.Type is "cgroup2" ? "unified" : Path.GetFileName(hierarchy.Target);
    }

    private static async Task<string> OutputAsync(Container container, string script)
    {
        await using var process = await container.ExecAsync(
            new()
            {
                Command = ["sh", "-c", script],
                StandardOutput = StandardStream.Capture(ByteSize.MiB(1)),
                StandardError = StandardStream.Capture(ByteSize.MiB(1)),
            },
            Cancelled);
        var result = await Eventually.Ends(process.WaitForResultAsync(Cancelled));
        return (result.StandardOutput + result.StandardError).TrimEnd('\n');
    }
}
