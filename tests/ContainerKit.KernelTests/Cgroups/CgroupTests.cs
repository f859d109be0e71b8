using System.Diagnostics;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>Groups are made, opened, filled, emptied and removed.</summary>
public class CgroupTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [CgroupFact]
    public async Task A_disposed_cgroup_is_gone_with_all_that_ran_in_it_and_below()
    {
        var group = TestCgroups.Create();
        var child = group.CreateChild("child");
        using var process = TestCgroups.Rest(group, "sleep 1000 & sleep 1000 & wait");
        using var other = TestCgroups.Rest(child);
        Assert.All(group.Directories, directory => Assert.True(Directory.Exists(directory)));
        Assert.True(group.IsPopulated);
        Assert.Equal(["child"], group.ReadChildren());

        await group.DisposeAsync();
        Assert.All(group.Directories, directory => Assert.False(Directory.Exists(directory)));
        Assert.Equal(137, await process.EndAsync());
        Assert.Equal(137, await other.EndAsync());
        await group.DisposeAsync();
        await child.DisposeAsync();
    }

    [CgroupFact]
    public async Task What_hardly_runs_is_gone_as_fast_as_anything()
    {
        await using var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(
            group, "for i in $(seq 100); do while :; do :; done & done; wait");
        await Eventually.Holds(() => group.ReadProcesses().Count > 100, "a hundred processes");
        group.Update(new() { Cpu = new(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1)) });
        await Eventually.Holds(
            () => group.ReadStatistics().Cpu is { ThrottledPeriods: > 0 }, "a period without CPU time");

        var start = Stopwatch.GetTimestamp();
        await group.DisposeAsync();
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.Zero, TimeFactor.Seconds(5));
    }

    [CgroupFact]
    public async Task What_is_below_is_removed_whatever_it_is_called_and_whomever_it_is_closed_to()
    {
        var group = TestCgroups.Create();
        foreach (var directory in group.Directories)
        {
            using var made = Process.Start("sh", ["-c", """
                cd "$0" && mkdir "$(printf 'a\377')" closed closed/below && chmod 0 closed .
                """, directory]);
            await made.WaitForExitAsync(Cancelled);
            Assert.Equal(0, made.ExitCode);
        }

        await group.DisposeAsync();
        Assert.All(group.Directories, directory => Assert.False(Directory.Exists(directory)));
    }

    [CgroupFact]
    public async Task What_a_process_starts_is_in_its_group()
    {
        await using var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(group, "sleep 1000 & echo $!; wait");
        var child = int.Parse((await process.Output.ReadLineAsync(Cancelled))!, null);
        Assert.Equal([process.Id, child], group.ReadProcesses());
        await using var same = Cgroup.OfProcess(child);
        Assert.Equal(group.Directories, same.Directories);
    }

    [CgroupFact]
    public async Task An_opened_group_outlives_its_closing_and_its_process()
    {
        await using var group = TestCgroups.Create();
        using var process = TestCgroups.Rest(group);
        await using (var opened = Cgroup.Open(group.Path))
        {
            Assert.Equal(group.Directories, opened.Directories);
        }

        Assert.False(process.HasExited);
        Assert.Equal([process.Id], group.ReadProcesses());
        var busy = Assert.Throws<LinuxException>(group.Remove);
        Assert.Equal(Errno.EBUSY, busy.Errno);
        await group.KillAsync(Cancelled);
        group.Remove();
        group.Remove();
        Assert.False(group.IsPopulated);
    }

    [CgroupFact]
    public async Task A_group_that_is_there_already_or_whose_parent_is_not_is_refused()
    {
        await using var group = TestCgroups.Create();
        Assert.Equal(Errno.EEXIST, Assert.Throws<LinuxException>(() => Cgroup.Create(group.Path)).Errno);
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => Cgroup.Create($"{group.Path}/a/b")).Errno);
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => Cgroup.Open($"{group.Path}/a")).Errno);
        Assert.Empty(group.ReadChildren());
    }

    [CgroupFact]
    public async Task All_below_is_walked_and_parents_come_first()
    {
        await using var group = TestCgroups.Create();
        await using var a = group.CreateChild("a");
        await using var b = a.CreateChild("b");
        await using var c = b.CreateChild("c");
        Assert.Equal(["a", "a/b", "a/b/c"], group.Walk());
        await using var opened = group.OpenChild("a");
        Assert.Equal(a.Path, opened.Path);
        Assert.Equal(["b"], opened.ReadChildren());
    }

    [CgroupFact]
    public async Task What_is_below_in_any_hierarchy_is_walked()
    {
        await using var group = TestCgroups.Create();
        await using var child = group.CreateChild("child");
        Directory.CreateDirectory($"{group.Directories[0]}/first/inner");
        Directory.CreateDirectory($"{group.Directories[^1]}/child/last");
        Assert.Equal(
            ["child", "child/last", "first", "first/inner"], group.Walk().Order(StringComparer.Ordinal));
        Assert.True(group.Walk().ToList().IndexOf("child") < group.Walk().ToList().IndexOf("child/last"));
    }

    [CgroupFact]
    public async Task A_group_that_another_removed_is_typed_and_disposing_it_is_harmless()
    {
        await using var group = TestCgroups.Create();
        foreach (var directory in group.Directories)
        {
            Directory.Delete(directory);
        }

        Assert.Contains(Assert.Throws<LinuxException>(
            () => group.Update(new() { Pids = 5 })).Errno, (Errno[])[Errno.ENOENT, Errno.ENODEV]);
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => group.ReadChildren()).Errno);
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => group.Walk()).Errno);
        Assert.False(group.IsPopulated);
        Assert.False(group.IsFrozen);
        await group.KillAsync(Cancelled);
        await ContainerGroup.SweepAsync(group);
    }

    [CgroupFact]
    public async Task All_who_dispose_at_once_wait_for_the_same_end()
    {
        for (var i = 0; i < 20; i++)
        {
            var group = TestCgroups.Create();
            using var process = TestCgroups.Rest(group, "sleep 1000 & sleep 1000 & wait");
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(
                async () =>
                {
                    await group.DisposeAsync();
                    Assert.All(group.Directories, directory => Assert.False(Directory.Exists(directory)));
                },
                Cancelled)));
        }
    }

    [CgroupFact]
    public async Task What_vanishes_while_a_group_is_disposed_is_in_nobodys_way()
    {
        for (var i = 0; i < 20; i++)
        {
            var group = TestCgroups.Create();
            var directories = group.Directories;
            var others = Enumerable.Range(0, 3).Select(_ => Cgroup.Open(group.Path)).ToList();
            foreach (var directory in directories)
            {
                Enumerable.Range(0, 10).ToList().ForEach(
                    child => Directory.CreateDirectory(FormattableString.Invariant($"{directory}/{child}")));
            }

            using var process = TestCgroups.Rest(group, "sleep 1000 & sleep 1000 & wait");
            await Task.WhenAll(others.Select(other => Task.Run(
                async () =>
                {
                    await other.KillAsync(Cancelled);
                    other.Remove();
                },
                Cancelled)).Append(Task.Run(async () => await group.DisposeAsync(), Cancelled)));
            Assert.All(directories, directory => Assert.False(Directory.Exists(directory)));
            others.ForEach(other => other.Close());
        }
    }

    [CgroupFact]
    public async Task What_is_in_a_group_that_is_closed_cannot_be_read()
    {
        await using var group = TestCgroups.Create();
        await group.DisposeAsync();
        Assert.Throws<ObjectDisposedException>(() => group.ReadChildren());
        Assert.Throws<ObjectDisposedException>(() => group.Walk());
    }

    [CgroupFact]
    public async Task A_process_that_is_gone_or_none_cannot_be_moved()
    {
        await using var group = TestCgroups.Create();
        int gone;
        using (var process = Resting.Start(""))
        {
            gone = process.Id;
        }

        Assert.Contains(
            Assert.Throws<LinuxException>(() => group.Move(gone)).Errno, (Errno[])[Errno.ESRCH, Errno.ENOENT]);
        Assert.Throws<ArgumentOutOfRangeException>(() => group.Move(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => group.Move(-1));
    }

    [Theory]
    [InlineData("")]
    [InlineData("a/../b")]
    [InlineData("/")]
    [InlineData("..")]
    [InlineData(".hidden")]
    [InlineData("a//b")]
    [InlineData("a/")]
    [InlineData("new\nline")]
    [InlineData("nul\0")]
    [InlineData("bell\a")]
    [InlineData("delete\u007f")]
    [InlineData("/a/../b")]
    [InlineData("notify_on_release")]
    [InlineData("cgroup.procs")]
    [InlineData("memory.max")]
    [InlineData("tasks")]
    public void A_name_that_could_be_another_file_or_lead_elsewhere_is_refused(string path) =>
        Assert.ThrowsAny<ArgumentException>(() => Cgroup.Create(path));

    [Fact]
    public void A_name_that_is_too_long_is_refused()
    {
        Assert.Throws<ArgumentException>(() => Cgroup.Create(new string('n', 255)));
        Assert.Throws<ArgumentException>(() => Cgroup.Create(new string('\u00e9', 128))); // of two bytes each
    }

    [CgroupFact]
    public async Task A_name_in_a_group_is_one_and_no_path()
    {
        await using var group = TestCgroups.Create();
        foreach (var use in (Func<string, Cgroup>[])[
            name => group.CreateChild(name), name => group.CreateThreadedChild(name), name => group.OpenChild(name),
            group.MoveProcessesInto])
        {
            Assert.All(
                ["a/b", "/a", "..", ".", "a\0", "cgroup.procs"],
                name => Assert.ThrowsAny<ArgumentException>(() => use(name)));
        }

        Assert.Empty(group.ReadChildren());
    }

    [CgroupFact]
    public async Task A_group_whose_parent_vanishes_while_it_is_made_is_whole_or_typed_and_nothing_is_left()
    {
        for (var i = 0; i < 30; i++)
        {
            await using var parent = TestCgroups.Create(new());
            var other = Cgroup.Open(parent.Path);
            var making = Task.Run(() => parent.CreateChild("child", new() { Pids = 5, CpuWeight = 50 }), Cancelled);
            await Task.Run(() => Thread.SpinWait(500 * i), Cancelled);
            other.Remove();
            try
            {
                await (await making).DisposeAsync();
            }
            catch (LinuxException gone)
            {
                Assert.Contains(gone.Errno, (Errno[])[Errno.ENOENT, Errno.ENODEV]);
            }

            other.Remove(); // what was made again in the meantime
            other.Close();
            Assert.All(parent.Directories, directory => Assert.False(Directory.Exists(directory)));
        }
    }

    [CgroupFact]
    public async Task A_group_with_processes_says_how_groups_in_it_can_be_limited_and_that_works()
    {
        await using var group = TestCgroups.Create(new());
        using var process = TestCgroups.Rest(group);
        if (TestCgroups.IsPureVersion2)
        {
            var refusal = Assert.Throws<LimitNotSupportedException>(
                () => group.CreateChild("child", new() { Pids = 5 }));
            Assert.Contains("MoveProcessesInto(\"host\")", refusal.Message, StringComparison.Ordinal);
            Assert.Empty(group.ReadChildren());
        }

        await using var leaf = group.MoveProcessesInto("host");
        await using var child = group.CreateChild("child", new() { Pids = 5 });
        Assert.Equal((Limit)5, child.ReadLimits().Pids);
        Assert.Equal([process.Id], leaf.ReadProcesses());
        Assert.Empty(group.ReadProcesses());
    }
}
