using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Maps of several ids, chosen by the caller.</summary>
public class IdRangesTests
{
    private const string WhoAmI = "echo $(id -u) $(id -g) $(id -G)";

    [RootlessFact]
    public void The_subordinate_map_has_this_user_as_root_and_the_ids_it_may_give_behind()
    {
        var map = (RangesIdMap)IdMap.Subordinate();

        Assert.Equal(Syscall.EffectiveUser, map.Users.Outside(0));
        Assert.Equal(Syscall.EffectiveGroup, map.Groups.Outside(0));
        Assert.Equal(TestIds.User, map.Users.Outside(1));
        Assert.Equal(TestIds.Group + 32, map.Groups.Outside(33));
        map.CheckPermitted();
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task The_ids_are_mapped_as_said()
    {
        var map = TestIds.Of(new IdRange(0, 5, 10), new IdRange(1000, 100, 2), new IdRange(65534, 300, 1));
        var (u, g) = (TestIds.User, TestIds.Group);

        await using var live = await Container.StartAsync(
            Script.Shell("sleep 1000; true") with { IdMap = map }, TestContext.Current.CancellationToken);

        Assert.Equal([$"0 {u + 5} 10", $"1000 {u + 100} 2", $"65534 {u + 300} 1"],
            TestIds.Lines($"/proc/{live.Pid}/uid_map"));
        Assert.Equal([$"0 {g + 5} 10", $"1000 {g + 100} 2", $"65534 {g + 300} 1"],
            TestIds.Lines($"/proc/{live.Pid}/gid_map"));
        Assert.Equal(Host.IsRoot
            ? [$"0 {u + 5} 10", $"1000 {u + 100} 2", $"65534 {u + 300} 1"]
            : ["0 0 10", "1000 1000 2", "65534 65534 1"],
            TestIds.Split(await Script.OutputAsync(Script.Shell("cat /proc/self/uid_map") with { IdMap = map })));
    }

    [Theory(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    [InlineData("0", "0 0 0")]
    [InlineData("7:8", "7 8 8")]
    [InlineData("root", "0 0 0")]
    [InlineData("999", "999 999 999")]
    public async Task The_user_is_who_it_says_with_no_group_of_the_host(string user, string ids) =>
        Assert.Equal(ids, await Script.OutputAsync(Script.Shell(WhoAmI) with { IdMap = TestIds.Map, User = user }));

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_name_of_the_roots_passwd_is_a_user_with_groups()
    {
        using var root = new RootDirectory();
        File.WriteAllText(root["etc/passwd"], "alice:x:12:34::/home/alice:\n");
        File.WriteAllText(root["etc/group"], "staff:x:50:\n");
        var options = root.Options with
        { IdMap = TestIds.Map, User = "alice", Groups = ["staff", "61"], Command = ["sh", "-c", WhoAmI] };

        Assert.Equal("12 34 34 50 61", await Script.OutputAsync(options));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task The_host_sees_the_ids_outside()
    {
        await using var live = await Container.StartAsync(
            Script.Shell("sleep 1000; true") with
            { IdMap = TestIds.Map, User = "7:8", Groups = ["9"] }, TestContext.Current.CancellationToken);
        var program = ProcessTree.Find(live.Pid)!.Value;

        Assert.Equal(string.Join('\t', Enumerable.Repeat(TestIds.User + 7, 4)), program.Status("Uid"));
        Assert.Equal(string.Join('\t', Enumerable.Repeat(TestIds.Group + 8, 4)), program.Status("Gid"));
        Assert.Equal($"{TestIds.Group + 9}", program.Status("Groups"));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_user_that_is_not_mapped_is_refused()
    {
        var options = Script.Shell("true") with { IdMap = TestIds.Of(new IdRange(0, 0, 10), new IdRange(20, 20, 1)) };

        Assert.Contains("no user 10:", (await Refusal.OfOptionsAsync(options with { User = "10:0" })).Message,
            StringComparison.Ordinal);
        Assert.Contains("no group 19:", (await Refusal.OfOptionsAsync(options with { User = "20:19" })).Message,
            StringComparison.Ordinal);
        Assert.Contains("no group 21:", (await Refusal.OfOptionsAsync(options with { Groups = ["20", "21"] })).Message,
            StringComparison.Ordinal);
        Assert.Equal(
            "20 20 9 20",
            await Script.OutputAsync(Script.Shell("echo $(id -u) $(id -g) $(id -G | sed s/^20.//) 20") with
            { IdMap = options.IdMap, User = "20", Groups = ["9"] }));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_container_without_a_root_starts_as_its_user() =>
        Assert.Equal("1000 1000 1000", await Script.OutputAsync(
            Script.Shell($"{WhoAmI}; touch /tmp/file") with
            { IdMap = TestIds.Of(new IdRange(1000, 0, 5)), User = "1000" }));

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task What_the_containers_user_makes_is_its_own_outside()
    {
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        var options = Script.Shell("mkdir -m 0777 /tmp/data/dir && touch /tmp/data/dir/file && stat -c %u:%g "
            + "/tmp/data/dir/file && rm /tmp/data/dir/file") with
        {
            IdMap = TestIds.Map,
            User = "42:43",
            Mounts = [new BindMount(temp.Path, "/tmp/data") { ReadOnly = false }],
        };

        Assert.Equal("42:43", await Script.OutputAsync(options));
        Assert.Equal($"{TestIds.User + 42}:{TestIds.Group + 43}\n", Tools.Run("stat", "-c", "%u:%g", temp["dir"]));
        await Script.OutputAsync(options with { Command = ["rmdir", "/tmp/data/dir"] });
    }

    [RootFact]
    public async Task Files_of_a_mapped_bind_belong_to_the_same_numbers_inside()
    {
        using var temp = new TempDirectory();
        Tools.Run("chown", "5:6", temp.Write("known", ""));
        Tools.Run("chown", "5000:6000", temp.Write("unknown", ""));
        var options = Script.Shell("stat -c %u:%g /tmp/data /tmp/data/known /tmp/data/unknown") with
        {
            IdMap = TestIds.Map,
            Mounts = [new BindMount(temp.Path, "/tmp/data") { MapIds = true }],
        };

        Assert.Equal("0:0\n5:6\n65534:65534", await Script.OutputAsync(options));

        // Where a user namespace is joined it is another way to the same.
        await using var kept =
            await ContainerHost.Default.KeepIdsAsync(TestIds.Map, TestContext.Current.CancellationToken);
        Assert.Equal("0:0\n5:6\n65534:65534", await Script.OutputAsync(options with { IdMap = kept.IdMap }));
        Directory.CreateDirectory(temp["written"]);
        Tools.Run("chown", "7", temp["written"]);
        Assert.Equal("7:8", await Script.OutputAsync(options with
        {
            IdMap = kept.IdMap,
            Command = ["sh", "-c", "umask 0; echo x > /tmp/data/made && stat -c %u:%g /tmp/data/made"],
            User = "7:8",
            Mounts =
                [new BindMount(temp["written"], "/tmp/data") { MapIds = true, ReadOnly = false, Recursive = false }],
        }));
        Assert.Equal("7:8\n", Tools.Run("stat", "-c", "%u:%g", temp["written/made"]));
    }

    [RootFact]
    public async Task Below_a_layer_files_belong_to_the_same_numbers_inside()
    {
        using var root = new RootDirectory();
        Tools.Run("chown", "5:6", root["etc"]);
        var options = root.Options with
        {
            Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary),
            IdMap = TestIds.Map,
            Command = ["sh", "-c", "touch /new /etc/new; stat -c %u:%g /new /etc"],
        };

        await using var kept =
            await ContainerHost.Default.KeepIdsAsync(TestIds.Map, TestContext.Current.CancellationToken);
        foreach (var map in new[] { TestIds.Map, kept.IdMap })
        {
            Assert.Equal("0:0\n5:6", await Script.OutputAsync(options with { IdMap = map }));
        }
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_layer_over_a_directory_of_the_user_shows_it()
    {
        using var root = new RootDirectory();
        File.WriteAllText(root["file"], "below");
        var options = root.Options with
        { Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary), IdMap = TestIds.Map };
        if (TemporaryLayer.IsNeeded && !Host.IsRoot)
        {
            // The layer is this user's directory, which is none of the container's users.
            Assert.Contains("IdMap", (await Refusal.OfStartAsync(options)).Hint, StringComparison.Ordinal);
            return;
        }

        Assert.Equal("below", await Script.OutputAsync(options with { Command = ["cat", "/file"] }));
    }

    [RootFact]
    public async Task Ids_of_the_hosts_root_are_for_containers_without_a_limit_of_processes()
    {
        var options = Script.Shell(WhoAmI) with
        { IdMap = IdMap.Ranges([new(0, 0, 1), new(1, 100_000, 10)], [new(0, 100_000, 11)]) };

        Assert.Contains("MaxProcesses", (await Refusal.OfOptionsAsync(options)).Message, StringComparison.Ordinal);
        Assert.Equal("0 0 0", await Script.OutputAsync(options with { MaxProcesses = null }));
        Assert.Equal("1 1 1", await Script.OutputAsync(options with { User = "1" }));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_user_may_map_itself_among_others()
    {
        if (Host.IsRoot)
        {
            return; // whose own id has a test of its own
        }

        var (own, group) = (Syscall.EffectiveUser, Syscall.EffectiveGroup);
        using var temp = new TempDirectory();
        var options = Script.Shell("stat -c %u:%g /tmp/data") with
        {
            IdMap = IdMap.Ranges(
                [new(0, own, 1), new(1, TestIds.User, 100)], [new(0, group, 1), new(1, TestIds.Group, 100)]),
            Mounts = [new BindMount(temp.Path, "/tmp/data") { MapIds = true }],
        };

        Assert.Equal("0:0", await Script.OutputAsync(options));

        // Without a group of others the kernel lets nobody drop groups, or have further ones.
        var alone = Script.Shell("true") with
        { IdMap = IdMap.Ranges([new(0, own, 1), new(1, TestIds.User, 100)], [new(0, group, 1)]) };
        Assert.Equal("5", await Script.OutputAsync(alone with { User = "5:0", Command = ["id", "-u"] }));
        Assert.Contains("Groups needs", (await Refusal.OfOptionsAsync(alone with { Groups = ["0"] })).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_an_ordinary_user_may_not_map_is_named_before_a_start()
    {
        if (Host.IsRoot)
        {
            return;
        }

        foreach (var (users, groups, file) in new[]
            { (5u, TestIds.Group, "/etc/subuid"), (TestIds.User, 4_000_000_000, "/etc/subgid") })
        {
            var refusal = await Refusal.OfStartAsync(
                Script.Shell("true") with { IdMap = IdMap.Ranges([new(0, users, 5)], [new(0, groups, 5)]) });

            Assert.Equal(Errno.EPERM, refusal.Errno);
            Assert.Contains($"{file} does not give {Environment.UserName}", refusal.Hint, StringComparison.Ordinal);
            Assert.Contains($"{Environment.UserName}:{(file == "/etc/subuid" ? users : groups)}:5", refusal.Hint,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public void Lines_that_are_no_ranges_of_this_user_are_passed_over()
    {
        using var temp = new TempDirectory();
        var (name, number) = (Environment.UserName, Syscall.EffectiveUser);
        var file = temp.Write("subuid", $"""
            {name}:100:10
            somebody:200:10
            # {name}:300:10
            {name}:x:10
            {name}:-1:10
            {name}:400:10:10
            {name}:500:0
            {name}:4294967290:10
            {number}:600:10
            {name}
            """);

        Assert.Equal([new HostIdRange(100, 10), new HostIdRange(600, 10)], SubordinateIds.OfThisUser(file));
        Assert.Contains(new HostIdRange(200, 10), SubordinateIds.OfAll(file));
        Assert.Empty(SubordinateIds.OfThisUser(temp["missing"]));
    }

    [Fact]
    public void What_is_no_map_is_refused()
    {
        Refused("has no ids", new IdRange(0, 0, 0));
        Refused("1 to 340");
        Refused("1 to 340", [.. Enumerable.Range(0, 341).Select(i => new IdRange((uint)i, (uint)i, 1))]);
        Refused("4095 bytes",
            [.. Enumerable.Range(0, 340).Select(i => new IdRange((uint)i, 1_000_000_000 + (uint)i, 1))]);
        Refused("overlap inside", new IdRange(0, 1000, 10), new IdRange(9, 2000, 10));
        Refused("overlap outside", new IdRange(20, 1000, 10), new IdRange(0, 1009, 1));
        Refused("beyond the highest id", new IdRange(0, uint.MaxValue, 1));
        Refused("beyond the highest id", new IdRange(uint.MaxValue - 1, 0, 2));
        Refused("beyond the highest id", new IdRange(5, 1, uint.MaxValue));
        Assert.Equal("IdMap.Ranges(users 4294967294 0 1; groups 0 4294967294 1)",
            $"{IdMap.Ranges([new(uint.MaxValue - 1, 0, 1)], [new(0, uint.MaxValue - 1, 1)])}");
        Assert.Throws<ArgumentOutOfRangeException>(() => IdMap.Automatic(0));
        Assert.Throws<ArgumentOutOfRangeException>(() => IdMap.Automatic((1 << 20) + 1));
    }

    [RootFact]
    public async Task As_many_ranges_as_the_kernel_takes_are_mapped()
    {
        // 11 bytes each
        var ranges = Enumerable.Range(0, 340).Select(i => new IdRange((uint)i, (uint)(2000 + i), 1)).ToArray();
        var output = await Script.OutputAsync(Script.Shell("wc -l < /proc/self/gid_map; id -u") with
        { IdMap = IdMap.Ranges(ranges, ranges), User = "339" });

        Assert.Equal("340\n339", output);
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_file_can_go_to_a_mapped_group_of_the_program_and_to_no_other_id()
    {
        var options = Script.Shell("""
            cd /tmp && touch file && chgrp 9 file && stat -c %u:%g file
            for id in 10 5000; do chgrp $id file 2>&1 | sed 's/.*: //'; done
            chown 5 file 2>&1 | sed 's/.*: //'
            """) with { IdMap = TestIds.Map, User = "7:8", Groups = ["9"] };

        Assert.Equal("7:9\nOperation not permitted\nInvalid argument\nOperation not permitted",
            await Script.OutputAsync(options));
    }

    private static void Refused(string complaint, params IdRange[] ranges)
    {
        Assert.Contains(complaint, Assert.Throws<ArgumentException>(() => IdMap.Ranges(ranges, [new(0, 1, 1)])).Message,
            StringComparison.Ordinal);
        Assert.Contains(complaint, Assert.Throws<ArgumentException>(() => IdMap.Ranges([new(0, 1, 1)], ranges)).Message,
            StringComparison.Ordinal);
    }
}
