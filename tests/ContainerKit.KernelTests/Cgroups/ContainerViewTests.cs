using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>A container sees its own cgroup and no other, and changes it where it was delegated.</summary>
public sealed class ContainerViewTests : IAsyncDisposable
{
    /// <summary>Puts all its processes into a group in the container's own, and so lets that limit groups.</summary>
    private const string MoveDown =
        "cd /sys/fs/cgroup && mkdir leaf && "
        + "for p in $(cat cgroup.procs); do echo $p >leaf/cgroup.procs; done 2>/dev/null; "
        + "echo +memory +pids >cgroup.subtree_control; ";

    private readonly ContainerHost _host = new(new() { CgroupParent = TestCgroups.Parent });

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>A map that is known before the start.</summary>
    private static IdMap KnownIds => Host.IsRoot ? IdMap.SingleIdAs(54321, 54321) : IdMap.SingleId;

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

    [CgroupFact(OfPureVersion2 = true)]
    public async Task A_delegated_group_is_the_programs_to_divide_and_not_to_change()
    {
        foreach (var ids in (IdMap[])[KnownIds, IdMap.Automatic()])
        {
            if (!Host.IsRoot && ids != KnownIds)
            {
                continue; // which only root gives to others
            }

            var result = await _host.RunAsync(
                Delegated(MoveDown + """
                    mkdir child; echo 8388608 >child/memory.max; cat child/memory.max
                    for file in memory.max pids.max cgroup.max.descendants cgroup.max.depth cgroup.freeze; do
                        (echo 1 >$file) 2>/dev/null && echo wrote $file
                    done
                    cat /proc/self/cgroup memory.max
                    """) with
                { IdMap = ids },
                Cancelled);
            Assert.Equal("8388608\n0::/leaf\n67108864\n", result.StandardOutput + result.StandardError);
        }
    }

    [CgroupFact(OfPureVersion2 = true)]
    public async Task A_group_that_was_divided_takes_other_programs_and_is_removed_whole()
    {
        await using var parent = TestCgroups.Create();
        await using var host = new ContainerHost(new() { CgroupParent = parent.Path });
        await using var container = await host.StartAsync(
            Delegated(MoveDown + "mkdir -p a/b/c; sleep 1000 & echo $! >a/b/c/cgroup.procs; echo up; wait") with
            { StandardOutput = StandardStream.Pipe },
            Cancelled);
        using var output = new StreamReader(container.StandardOutput!);
        Assert.Equal("up", await Eventually.Ends(output.ReadLineAsync(Cancelled).AsTask()));
        Assert.Equal("0::/leaf", await OutputAsync(container, "cat /proc/self/cgroup"));
        await container.DisposeAsync();
        Assert.Empty(parent.ReadChildren());
    }

    [CgroupFact(OfPureVersion2 = true)]
    public async Task A_group_that_its_program_hides_from_its_host_is_counted_and_removed_whole()
    {
        await using var parent = TestCgroups.Create();
        await using var host = new ContainerHost(new() { CgroupParent = parent.Path });
        var result = await host.RunAsync(
            Delegated("""
                long=$(printf '%0255d' 0); deep=0; cd /sys/fs/cgroup
                while mkdir $long 2>/dev/null && cd $long; do deep=$((deep + 1)); done
                echo $deep; cd /sys/fs/cgroup
                mkdir "$(printf 'a\377')" closed closed/below
                chmod 0 cgroup.* cpu.* memory.* pids.* closed . 2>/dev/null
                """),
            Cancelled);
        Assert.Equal(("12\n", ""), (result.StandardOutput, result.StandardError));
        Assert.NotNull(result.Receipt.Cpu);
        Assert.NotNull(result.Receipt.PeakMemory);
        Assert.Empty(parent.ReadChildren());
    }

    [CgroupFact]
    public async Task A_group_that_cannot_be_delegated_starts_nothing()
    {
        var before = await Leftovers.Before();
        var options = Delegated("true");
        if (!TestCgroups.IsPureVersion2)
        {
            await Assert.ThrowsAsync<LimitNotSupportedException>(() => _host.RunAsync(options, Cancelled));
        }

        if (Host.IsRoot)
        {
            options = options with { IdMap = IdMap.SingleId };
            await Assert.ThrowsAsync<ArgumentException>(() => _host.RunAsync(options, Cancelled));
        }

        options = options with { Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Cgroup };
        await Assert.ThrowsAsync<ArgumentException>(() => _host.RunAsync(options, Cancelled));
        await before.AssertNone();
    }

    private static ContainerOptions Delegated(string script) => Script.Shell(script) with
    {
        DelegateCgroup = true,
        Limits = new() { Memory = ByteSize.MiB(64), Pids = 50 },
        IdMap = KnownIds,
    };

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
