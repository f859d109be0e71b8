using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>The groups of containers are told from those of others, and from those of containers that were.</summary>
public sealed class ContainerGroupTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [CgroupFact]
    public async Task A_group_that_is_only_named_like_a_containers_is_never_swept()
    {
        await using var parent = TestCgroups.Create();
        await using var web = parent.CreateChild("containerkit-web.service");
        await using var numbered = parent.CreateChild("containerkit-1-1");
        using var process = TestCgroups.Rest(web);
        await ContainerGroup.SweepAsync(parent);
        Assert.False(process.HasExited);
        Assert.All(
            [.. web.Directories, .. numbered.Directories], directory => Assert.True(Directory.Exists(directory)));
    }

    [CgroupFact]
    public async Task A_group_that_no_host_named_is_no_containers_whatever_a_record_says()
    {
        await using var parent = TestCgroups.Create();
        var group = ContainerGroup.Make(parent, new());
        Assert.Null(ContainerGroup.At(parent.Directories));
        Assert.Null(ContainerGroup.At([.. group.Directories, parent.Directories[0]]));
        Assert.Null(ContainerGroup.At([.. group.Directories.Select(directory => $"{directory}/..")]));
        Assert.Null(ContainerGroup.At([.. group.Directories.Select(directory => $"{directory}/")]));
        ContainerGroup.At(group.Directories)!.Leave();
        await group.RemoveAsync();
    }

    [CgroupFact]
    public async Task A_groups_name_never_comes_again()
    {
        await using var parent = TestCgroups.Create();
        var group = ContainerGroup.Make(parent, new());
        Assert.Matches(
            $"/containerkit-{Environment.ProcessId}-[0-9a-f]{{16}}-[0-9]+$", group.Directories[0]);
        await group.RemoveAsync();
        var next = ContainerGroup.Make(parent, new());
        Assert.Null(ContainerGroup.At(group.Directories));
        await next.RemoveAsync();
    }

    [CgroupFact]
    public async Task A_group_ends_no_supervisor_for_its_childs_lack_of_memory()
    {
        await using var parent = TestCgroups.Create();
        var group = ContainerGroup.Make(parent, new());
        var options = new ContainerOptions
        {
            Command = ["/bin/true"],
            Restriction = new(new(), SeccompProfile.Unconfined, "/tmp/private", IsolationProperties.None),
        };
        using (var entrances = Entrances.Of(group))
        {
            using var plan = ContainerPlan.MakeRestricted(options, entrances, isWhole: true);
            Assert.DoesNotContain("CLONE_VM", plan.ToString(), StringComparison.Ordinal);
        }

        await group.RemoveAsync();
    }

    [CgroupFact]
    public async Task A_group_that_is_lost_before_it_is_locked_is_left_in_no_hierarchy()
    {
        await using var parent = TestCgroups.Create();
        var name = "containerkit-taken";
        await using var made = parent.CreateChild(name);
        Assert.Equal(
            Errno.EEXIST, Assert.Throws<LinuxException>(() => parent.CreateLockedChild(name, new())).Errno);
        await using var locked = parent.CreateLockedChild("locked", new());
        Assert.False(parent.OpenChild("locked").TryLock());
    }

    [CgroupFact]
    public async Task A_group_that_is_taken_each_time_is_not_made_for_ever()
    {
        await using var parent = TestCgroups.Create();
        var name = ContainerGroup.NewName();
        var dash = name.LastIndexOf('-') + 1;
        var last = int.Parse(name[dash..], null);
        var taken = Enumerable.Range(last + 1, 300)
            .Select(number => Directory.CreateDirectory($"{parent.Directories[0]}/{name[..dash]}{number}")).ToList();
        var refusal = Assert.Throws<LaunchException>(() => ContainerGroup.Make(parent, new()));
        Assert.Equal(Errno.EEXIST, refusal.Errno);
        Assert.Contains("CgroupParent", refusal.Hint, StringComparison.Ordinal);
        taken.ForEach(directory => directory.Delete());
    }

    [CgroupFact(AsRoot = true, OfVersion2 = true)]
    public async Task Another_user_cannot_keep_a_group_of_version_2_from_being_removed()
    {
        await using var parent = TestCgroups.Create();
        using var unified = TestDevices.OpenUnified(parent);
        var refusal = await Native.AsNobody(() => Assert.Throws<LinuxException>(() => unified.Lock));
        Assert.Equal(Errno.EACCES, refusal.Errno);
        Assert.True(Syscall.TryLockWhole(unified.Lock));
    }

    [CgroupFact]
    public async Task What_is_let_go_to_die_needs_no_more_time_than_it_needs()
    {
        await using var parent = TestCgroups.Create();
        var slow = new CgroupLimits { Cpu = new(TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(1)) };
        var group = ContainerGroup.Make(parent, slow);
        await using var opened = parent.OpenChild(Path.GetFileName(group.Directories[0]));
        await using var below = opened.CreateChild("below", slow);
        group.LetGo();
        Assert.Null(opened.ReadLimits().Cpu!.Value.Quota);
        Assert.Null(below.ReadLimits().Cpu!.Value.Quota);
        await group.RemoveAsync();
        group.LetGo();
    }

    [CgroupFact]
    public async Task A_group_that_is_half_removed_is_found_and_removed()
    {
        await using var parent = TestCgroups.Create();
        var group = ContainerGroup.Make(parent, new());
        var directories = group.Directories;
        Directory.Delete(directories[0]); // by a host that was killed meanwhile
        group.Leave();
        Assert.Equal(directories.Count > 1 ? 1 : 0, parent.ReadChildren().Count);
        await ContainerGroup.SweepAsync(parent);
        Assert.All(directories, directory => Assert.False(Directory.Exists(directory)));
    }

    [CgroupFact]
    public async Task A_group_that_its_program_closed_is_removed()
    {
        await using var parent = TestCgroups.Create();
        var left = parent.CreateChild("containerkit-1-0123456789abcdef-1");
        Assert.All(left.Directories, directory => File.SetUnixFileMode(directory, UnixFileMode.None));
        left.Close();
        await ContainerGroup.SweepAsync(parent);
        Assert.Empty(parent.ReadChildren());
    }

    [CgroupFact]
    public async Task A_group_whose_files_its_program_closed_is_found_locked_and_emptied()
    {
        await using var parent = TestCgroups.Create();
        var left = parent.CreateChild("containerkit-1-0123456789abcdef-1");
        using var process = TestCgroups.Rest(left);
        foreach (var directory in left.Directories)
        {
            Assert.All(
                Directory.GetFiles(directory).Append(directory), file => File.SetUnixFileMode(file, UnixFileMode.None));
        }

        var again = ContainerGroup.At(left.Directories)!;
        again.OpenEntrances().ForEach(entrance => entrance.Dispose());
        Assert.All(again.Lock, Assert.NotNull);
        again.Leave();
        left.Close();
        await ContainerGroup.SweepAsync(parent);
        Assert.Equal(137, await process.EndAsync());
        Assert.Empty(parent.ReadChildren());
    }

    [CgroupFact]
    public async Task A_group_that_says_it_is_kept_for_what_is_no_container_is_removed()
    {
        await using var parent = TestCgroups.Create();
        string[] paths =
        [
            "", "/", "relative/id", "/no/such/place", "/dev/null/id", "/dev/null", "/usr", "/usr/..", "/bin", "/proc",
        ];
        foreach (var path in paths)
        {
            var left = parent.CreateChild("containerkit-1-0123456789abcdef-1");
            left.WriteKeeper(path);
            Assert.Equal(path, left.ReadKeeper());
            left.Close();
            await ContainerGroup.SweepAsync(parent);
            Assert.Empty(parent.ReadChildren());
        }
    }

    [CgroupFact]
    public async Task A_limit_of_a_device_that_is_not_there_is_refused_at_once()
    {
        await using var parent = TestCgroups.Create();
        await using var host = new ContainerHost(new() { CgroupParent = parent.Path });
        var options = new ContainerOptions
        {
            Command = ["true"],
            Limits = new() { Io = [new(new BlockDevice(4001, 7)) { ReadBytes = 1 << 20 }] },
        };
        var run = Task.Run(() => host.RunAsync(options, Cancelled), Cancelled);
        await Eventually.Ends(run.ContinueWith(_ => { }, TaskScheduler.Default));
        Assert.Equal(Errno.ENODEV, (await Assert.ThrowsAsync<LinuxException>(() => run)).Errno);
        Assert.Empty(parent.ReadChildren());
    }
}
