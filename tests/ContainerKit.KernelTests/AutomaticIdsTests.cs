using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Ranges of ids that hosts find, and reserve while a container has them.</summary>
public sealed class AutomaticIdsTests : IDisposable
{
    private static readonly string[] Sleeps = ["sh", "-c", "echo up; exec sleep 1000"];

    private readonly TempDirectory _temp = new();

    private string State => _temp["state"];

    private ContainerHostOptions Two => new()
    {
        StateDirectory = State,
        IdRanges = Host.IsRoot ? [new(IdBlocks.DefaultFirst, 2 * IdBlocks.Size)] : [],
    };

    private static ContainerOptions Sleeper => new() { Command = Sleeps, IdMap = IdMap.Automatic() };

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>How many blocks there are for hosts with <see cref="Two"/>.</summary>
    private int Blocks => IdBlocks.Find(Two.IdRanges).Count(block => block.Count == IdBlocks.Size);

    public void Dispose() => _temp.Dispose();

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_container_has_as_many_ids_as_asked_for_from_0_on()
    {
        await using var host = new ContainerHost(Two);
        await using var container =
            await host.StartAsync(Sleeper with { IdMap = IdMap.Automatic(70), User = "69" }, Cancelled);
        var block = IdBlocks.Find(Two.IdRanges)[0];

        Assert.Equal([$"0 {block.User} 70"], TestIds.Lines($"/proc/{container.Pid}/uid_map"));
        Assert.Equal([$"0 {block.Group} 70"], TestIds.Lines($"/proc/{container.Pid}/gid_map"));
        Assert.Contains("no user 70", (await Assert.ThrowsAsync<ArgumentException>(
            () => host.StartAsync(Sleeper with { IdMap = IdMap.Automatic(70), User = "70:0" }, Cancelled))).Message,
                StringComparison.Ordinal);
    }

    [RootFact]
    public async Task More_ids_than_a_block_has_are_blocks_in_a_row()
    {
        await using var host = new ContainerHost(Two with
        { IdRanges = [new(IdBlocks.DefaultFirst, 3 * IdBlocks.Size), new(0x7100_0000, 2 * IdBlocks.Size)] });
        await using var first = await host.StartAsync(Sleeper with { IdMap = IdMap.Automatic(100_000) }, Cancelled);
        await using var second = await host.StartAsync(Sleeper with { IdMap = IdMap.Automatic(100_000) }, Cancelled);

        Assert.Equal([$"0 {IdBlocks.DefaultFirst} 100000"], TestIds.Lines($"/proc/{first.Pid}/uid_map"));
        Assert.Equal([$"0 {0x7100_0000} 100000"], TestIds.Lines($"/proc/{second.Pid}/uid_map"));
        await Exhausted(() => host.StartAsync(Sleeper with { IdMap = IdMap.Automatic(100_000) }, Cancelled));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task When_all_are_taken_a_start_fails_until_a_container_is_gone()
    {
        await using var host = new ContainerHost(Two);
        var containers = new List<Container>();
        for (var i = 0; i < Blocks; i++)
        {
            containers.Add(await host.StartAsync(Sleeper, Cancelled));
        }

        Assert.Equal(Blocks, containers.Select(container => File.ReadAllText($"/proc/{container.Pid}/uid_map"))
            .Distinct().Count());
        await Exhausted(() => host.StartAsync(Sleeper, Cancelled));
        await Exhausted(() => host.KeepIdsAsync(IdMap.Automatic(), Cancelled));

        // Another host, of this process or not, finds them taken too, and free again.
        await using var other = new ContainerHost(Two);
        await Exhausted(() => other.StartAsync(Sleeper, Cancelled));
        await containers[0].DisposeAsync();
        await using var next = await other.StartAsync(Sleeper, Cancelled);
        await Exhausted(() => host.StartAsync(Sleeper, Cancelled));
        containers.ForEach(container => container.Kill());
        await Task.WhenAll(containers.Select(container => container.DisposeAsync().AsTask()));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_failed_start_and_a_cancelled_one_give_the_ids_back()
    {
        await using var host = new ContainerHost(Two);
        using var cancelled = new CancellationTokenSource();
        await cancelled.CancelAsync();
        for (var i = 0; i < 2 * Blocks; i++)
        {
            await Assert.ThrowsAsync<LaunchException>(() =>
                host.StartAsync(Sleeper with { Command = ["/no/such"] }, Cancelled));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => host.StartAsync(Sleeper, cancelled.Token));
            await Assert.ThrowsAsync<ArgumentException>(() =>
                host.StartAsync(Sleeper with { User = "nobody-of-that-name" }, Cancelled));
        }

        Assert.Equal(
            "ok\n", (await host.RunAsync(Sleeper with { Command = ["echo", "ok"] }, Cancelled)).StandardOutput);
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task Two_hosts_that_allocate_at_once_never_have_the_same()
    {
        var all = Host.IsRoot ? 8 : Blocks;
        string[] ranges = Host.IsRoot ? [$"{IdBlocks.DefaultFirst}", $"{all * IdBlocks.Size}"] : [];
        await using var one = HostProcess.Start(["allocate", State, $"{all}", .. ranges]);
        await using var other = HostProcess.Start(["allocate", State, $"{all}", .. ranges]);

        var lines = new List<string>();
        foreach (var host in new[] { one, other })
        {
            for (string line; (line = await host.ReadLineAsync()) != "done";)
            {
                lines.Add(line);
            }
        }

        Assert.Equal(all, lines.Distinct().Count());
        Assert.Equal(all, lines.Count);
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_container_has_its_ids_while_it_lives_even_if_its_host_is_killed()
    {
        string[] ranges = Host.IsRoot ? [$"{IdBlocks.DefaultFirst}", $"{IdBlocks.Size}"] : [];
        await using var host = HostProcess.Start(["allocate", State, "100", .. ranges]);
        while (await host.ReadLineAsync() != "done")
        {
        }

        var below = ProcessTree.Below(host.Process.Id);
        await using var here =
            new ContainerHost(Two with { IdRanges = Host.IsRoot ? [new(IdBlocks.DefaultFirst, IdBlocks.Size)] : [] });

        // While the supervisors are stopped, their containers live on.
        var supervisors = below.FindAll(process => process.Parent == host.Process.Id);
        supervisors.ForEach(process => Native.Kill(process.Id, Signal.SIGSTOP));
        await host.KillAsync();
        await Exhausted(() => here.StartAsync(Sleeper, Cancelled));

        supervisors.ForEach(process => Native.Kill(process.Id, Signal.SIGCONT));
        foreach (var process in below)
        {
            await Eventually.Gone(process.Id);
        }

        await using var container = await here.StartAsync(Sleeper, Cancelled);
    }

    [RootFact]
    public void Blocks_with_ids_of_users_are_passed_over()
    {
        var own = uint.Parse(Tools.Run("id", "-u", "nobody").Trim(), System.Globalization.CultureInfo.InvariantCulture);
        Assert.Equal(65534u, own);
        Assert.Equal([new IdBlock(1 << 20, 1 << 20, IdBlocks.Size)],
            IdBlocks.Find([new(0, IdBlocks.Size), new(1 << 20, IdBlocks.Size)]));
        Assert.Equal(((IdBlocks.DefaultCount / IdBlocks.Size), IdBlocks.DefaultFirst),
            ((uint)IdBlocks.Find([]).Count, IdBlocks.Find([])[0].User));
    }

    [Theory]
    [InlineData(0u, 0u)]
    [InlineData(1u, 65536u)]
    [InlineData(65536u, 65535u)]
    [InlineData(0xFFFF0000u, 65536u)]
    public void Ranges_that_are_no_whole_blocks_are_refused(uint first, uint count) =>
        Assert.Throws<ArgumentException>(() => new ContainerHost(new() { IdRanges = [new(first, count)] }));

    [Theory]
    [InlineData("relative")]
    [InlineData("/")]
    [InlineData("/tmp/a\0b")]
    public void What_cannot_be_a_state_directory_is_refused(string path) =>
        Assert.Throws<ArgumentException>(() => new ContainerHost(new() { StateDirectory = path }));

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_state_directory_that_is_a_link_or_a_file_or_open_to_others_is_refused()
    {
        Directory.CreateDirectory(_temp["real"]);
        File.CreateSymbolicLink(State, _temp["real"]);
        Assert.Equal((Errno.ELOOP, "a link"), await RefusedBecause("a link"));
        Assert.Empty(Directory.GetFiles(_temp["real"]));

        File.Delete(State);
        File.WriteAllText(State, "");
        Assert.Equal((Errno.EPERM, "no directory"), await RefusedBecause("no directory"));

        File.Delete(State);
        Directory.CreateDirectory(State);
        File.SetUnixFileMode(State, (UnixFileMode)0x1FF); // 0777
        Assert.Equal((Errno.EPERM, "Others may write"), await RefusedBecause("Others may write"));

        File.SetUnixFileMode(State, (UnixFileMode)0x1C0); // 0700
        foreach (var block in IdBlocks.Find(Two.IdRanges))
        {
            File.CreateSymbolicLink(Path.Combine(State, block.Name), _temp["made"]);
        }

        Assert.Equal((Errno.ELOOP, "a link"), await RefusedBecause("a link"));
        Assert.False(File.Exists(_temp["made"]));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_state_directory_of_another_user_is_refused()
    {
        Directory.CreateDirectory(State);
        if (Host.IsRoot)
        {
            Tools.Run("chown", "65534", State);
        }

        Assert.Equal((Errno.EPERM, "belongs to user"),
            await RefusedBecause("belongs to user", Host.IsRoot ? State : "/usr"));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_state_directory_that_cannot_be_made_is_refused()
    {
        Assert.Equal((Errno.ENOENT, "is not there"), await RefusedBecause("is not there", _temp["missing/state"]));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task The_state_directory_of_an_ordinary_user_is_in_its_runtime_directory()
    {
        if (Host.IsRoot)
        {
            return; // whose is /run/containerkit, and the machine's
        }

        await using var host = HostProcess.StartThrough(["env", $"XDG_RUNTIME_DIR={_temp.Path}"], "allocate", "-", "1");
        Assert.StartsWith("0 ", await host.ReadLineAsync(), StringComparison.Ordinal);

        Assert.Equal((UnixFileMode)0x1C0, File.GetUnixFileMode(_temp["containerkit"])); // 0700
        Assert.Equal(
            IdBlocks.Find([])[0].Name, Path.GetFileName(Assert.Single(Directory.GetFiles(_temp["containerkit"]))));
    }

    [RootFact]
    public async Task A_read_only_state_directory_is_refused()
    {
        await using var host = HostProcess.StartThrough(
            ["unshare", "--mount", "sh", "-ec",
                $"mkdir {State}; mount -t tmpfs -o ro,mode=0700 tmpfs {State}; exec \"$@\"", "sh"],
            "allocate", State, "1");

        Assert.Equal("EROFS", await host.ReadLineAsync());
    }

    private static async Task Exhausted(Func<Task> start)
    {
        var refusal = await Assert.ThrowsAsync<LaunchException>(start);

        Assert.Equal(("fcntl", Errno.EAGAIN), (refusal.Call, refusal.Errno));
        Assert.Contains("blocks of ids is free", refusal.Hint, StringComparison.Ordinal);
    }

    private async Task<(Errno Errno, string Because)> RefusedBecause(string because, string? path = null)
    {
        await using var host = new ContainerHost(Two with { StateDirectory = path ?? State });
        var refusal = await Assert.ThrowsAsync<LaunchException>(() => host.StartAsync(Sleeper, Cancelled));
        Assert.Equal("the state directory", refusal.Cause);
        Assert.Contains(because, refusal.Hint, StringComparison.Ordinal);
        return (refusal.Errno, because);
    }
}
