using System.Globalization;

namespace ContainerKit.KernelTests;

/// <summary>Containers that live in namespaces of others, or in ones that were made for several.</summary>
public class PodTests
{
    /// <summary>A pid namespace with what it takes to join it.</summary>
    private const NamespaceKinds PidOf = NamespaceKinds.User | NamespaceKinds.Pid;

    /// <summary>What an ordinary user needs besides.</summary>
    private static NamespaceKinds OfUser =>
        Host.IsRoot ? NamespaceKinds.None : NamespaceKinds.User;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_containers_share_a_network_ipc_and_a_host_name_and_nothing_else()
    {
        await using var first = await Container.StartAsync(
            new() { Command = ["sleep", "1000"], HostName = "pod" }, Cancelled);
        const NamespaceKinds shared = NamespaceKinds.User | NamespaceKinds.Network
            | NamespaceKinds.Ipc | NamespaceKinds.Uts;
        var joining = Script.Shell("hostname; cd /proc; echo [0-9]*; exec sleep 1000") with
        {
            Join = first.OpenNamespaces(shared),
            StandardOutput = StandardStream.Pipe,
        };
        await using var second = await Container.StartAsync(joining, Cancelled);
        using var output = new StreamReader(second.StandardOutput!);

        Assert.Equal("pod", await output.ReadLineAsync(Cancelled));
        Assert.Equal("1 2", await output.ReadLineAsync(Cancelled));
        foreach (var kind in NamespaceFile.Names.Keys.Where(kind => NamespaceKinds.Default.HasFlag(kind)))
        {
            using var one = first.OpenNamespaces(kind)[0];
            using var other = second.OpenNamespaces(kind)[0];
            Assert.Equal(shared.HasFlag(kind), one.Equals(other));
        }
    }

    [Fact]
    public async Task What_one_listens_on_another_connects_to()
    {
        var made = await Namespace.CreateAsync(
            NamespaceKinds.Network | OfUser, null, Cancelled);
        var options = new ContainerOptions { Command = ["sleep", "1000"], Join = made };
        await using var server = await Container.StartAsync(options, Cancelled);
        await using var client = await Container.StartAsync(options, Cancelled);
        using var listener = await server.ListenAsync(new(System.Net.IPAddress.Loopback, 5432), Cancelled);
        using var connected = await client.ConnectAsync(new(System.Net.IPAddress.Loopback, 5432), Cancelled);
        using var accepted = await listener.AcceptAsync(Cancelled);
        Assert.True(accepted.Connected);

        // Its own view of the network, and not the host's.
        await using var listing = await client.ExecAsync(
            new() { Command = ["ls", "/sys/class/net"], StandardOutput = StandardStream.Capture(ByteSize.KiB(1)) },
            Cancelled);
        Assert.Equal("lo\n", (await listing.WaitForResultAsync(Cancelled)).StandardOutput);
    }

    [Fact]
    public async Task Processes_of_a_shared_pid_namespace_see_each_other_and_end_with_its_first()
    {
        await using var first = await Container.StartAsync(new() { Command = ["sleep", "1111"] }, Cancelled);
        await using var second = await Container.StartAsync(
            Script.Shell("cat /proc/2/cmdline | tr '\\0' ' '; echo; exec sleep 1000") with
            {
                Join = first.OpenNamespaces(PidOf),
                StandardOutput = StandardStream.Pipe,
            },
            Cancelled);
        using var output = new StreamReader(second.StandardOutput!);
        Assert.Equal("sleep 1111 ", await output.ReadLineAsync(Cancelled));

        await first.DisposeAsync();
        var status = await second.WaitAsync(Cancelled).WaitAsync(TimeFactor.Seconds(30), Cancelled);
        Assert.Equal(Signal.SIGKILL, status.Signal);
    }

    [Theory]
    [InlineData("dispose")]
    [InlineData("timeout")]
    public async Task A_program_of_a_shared_pid_namespace_ends_with_its_own_container(string how)
    {
        await using var first = await Container.StartAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
        await using var second = await Container.StartAsync(
            new()
            {
                Command = ["sleep", "1000"],
                Join = first.OpenNamespaces(PidOf),
                Timeout = how == "timeout" ? TimeFactor.Seconds(0.2) : Timeout.InfiniteTimeSpan,
            },
            Cancelled);
        var program = second.Pid;
        if (how == "dispose")
        {
            await second.DisposeAsync();
        }

        Assert.Equal(how == "timeout", (await Eventually.Ends(second.WaitAsync(Cancelled))).TimedOut);
        Assert.False(ProcessTree.IsAlive(program));
        Assert.True(ProcessTree.IsAlive(first.Pid));
    }

    [Fact]
    public async Task Who_has_no_root_and_a_pid_namespace_gets_no_program_of_the_hosts()
    {
        await using var container = await Container.StartAsync(
            new() { Command = ["sleep", "1000"], User = "1000" }, Cancelled);
        var failure = await Assert.ThrowsAsync<LaunchException>(
            () => container.OpenNamespaces(PidOf).RunAsync(["true"], Cancelled));
        Assert.Equal(("setresgid", Errno.EINVAL), (failure.Call, failure.Errno));

        var result = await container.OpenNamespaces(NamespaceKinds.User | NamespaceKinds.Network)
            .RunAsync(["cat", "/proc/net/dev"], Cancelled); // where nobody else sees it
        Assert.Contains("lo:", result.EnsureSuccess().StandardOutput, StringComparison.Ordinal);
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task Automatic_ids_stay_reserved_while_a_member_lives()
    {
        using var temp = new TempDirectory();
        var options = new ContainerHostOptions
        {
            StateDirectory = temp["state"],
            IdRanges = Host.IsRoot ? [new(IdBlocks.DefaultFirst, IdBlocks.Size)] : [],
        };
        await using var host = new ContainerHost(options);
        await using var other = new ContainerHost(options);
        var sleeper = new ContainerOptions { Command = ["sleep", "1000"], IdMap = IdMap.Automatic() };
        var others = new List<Container>();
        var first = await host.StartAsync(sleeper, Cancelled);
        var joined = first.OpenNamespaces(NamespaceKinds.User);
        var member = await host.StartAsync(sleeper with { Join = joined }, Cancelled);
        joined[0].Dispose();
        await first.DisposeAsync();
        var ids = TestIds.Lines($"/proc/{member.Pid}/uid_map").Single();
        try
        {
            while (others.Count < 3)
            {
                others.Add(await other.StartAsync(sleeper, Cancelled));
                Assert.NotEqual(ids, TestIds.Lines($"/proc/{others[^1].Pid}/uid_map").Single());
            }
        }
        catch (LaunchException exhausted) when (exhausted.Errno is Errno.EAGAIN)
        {
            // As where there is one block.
        }

        await member.DisposeAsync();
        await using var last = await other.StartAsync(sleeper, Cancelled);
    }

    [Fact]
    public async Task The_floor_holds_in_them()
    {
        await using var first = await Container.StartAsync(new() { Command = ["sleep", "1000"] }, Cancelled);
        var status = await Script.OutputAsync(
            new ContainerOptions { Command = ["cat", "/proc/self/status"], Join = first.OpenNamespaces(PidOf) });

        Assert.All(["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"], set =>
            Assert.Contains($"{set}:\t0000000000000000\n", status, StringComparison.Ordinal));
        Assert.Contains("NoNewPrivs:\t1\n", status, StringComparison.Ordinal);

        // The other's init can be neither traced nor read.
        var refused = await Script.RunAsync(Script.Shell(
            "ls -l /proc/1/root /proc/1/cwd /proc/1/fd/0") with
        { Join = first.OpenNamespaces(PidOf) });
        Assert.DoesNotContain("->", refused.StandardOutput, StringComparison.Ordinal);
        Assert.Equal(3, refused.StandardError.Split("ermission denied").Length - 1);
    }

    [Fact]
    public async Task A_container_has_clocks_of_its_own()
    {
        var options = new ContainerOptions
        {
            Command = ["cat", "/proc/uptime"],
            Namespaces = NamespaceKinds.All,
            TimeOffsets = new(TimeSpan.FromDays(3), TimeSpan.FromDays(1000)),
        };
        Assert.InRange(Days(await Script.OutputAsync(options)), 1000, 1999);

        await using var container = await Container.StartAsync(options with { Command = ["sleep", "1000"] }, Cancelled);
        await using var executed = await container.ExecAsync(
            new() { Command = ["cat", "/proc/uptime"], StandardOutput = StandardStream.Capture(ByteSize.KiB(1)) },
            Cancelled);
        var result = await executed.WaitForResultAsync(Cancelled);
        Assert.InRange(Days(result.StandardOutput), 1000, 1999);
    }

    [Fact]
    public async Task A_container_has_sysctls_of_its_own_which_its_program_cannot_change()
    {
        var host = await File.ReadAllTextAsync("/proc/sys/net/ipv4/ip_default_ttl", Cancelled);
        var result = await Script.RunAsync(
            Script.Shell("cat /proc/sys/net/ipv4/ip_default_ttl; echo 9 >/proc/sys/net/ipv4/ip_default_ttl") with
            { Sysctls = new Dictionary<string, string> { ["net.ipv4.ip_default_ttl"] = "33" } });

        Assert.Equal("33\n", result.StandardOutput);
        Assert.False(result.ExitStatus.IsSuccess);
        Assert.Equal(host, await File.ReadAllTextAsync("/proc/sys/net/ipv4/ip_default_ttl", Cancelled));
    }

    [RootFact]
    public async Task Root_joins_namespaces_of_the_host_with_a_user_namespace_of_its_own()
    {
        var made = await Namespace.CreateAsync(
            NamespaceKinds.Network | NamespaceKinds.Ipc | NamespaceKinds.Uts | NamespaceKinds.Time,
            new()
            {
                HostName = "held",
                TimeOffsets = new(default, TimeSpan.FromDays(5000)),
                Sysctls = new Dictionary<string, string> { ["kernel.shm_rmid_forced"] = "1" },
            },
            Cancelled);
        var options = Script.Shell(
            "hostname; cat /proc/sys/kernel/shm_rmid_forced; ls /sys/class/net; cut -d. -f1 /proc/uptime") with
        { Join = made };
        var lines = (await Script.OutputAsync(options)).Split('\n');

        Assert.Equal(["held", "1", "lo"], lines[..3]);
        Assert.True(long.Parse(lines[3], CultureInfo.InvariantCulture) > 5000 * 86400L);
    }

    [Fact]
    public async Task Ranges_of_ids_are_joined_with_their_user_namespace()
    {
        Assert.SkipUnless(TestIds.Exist, TestIds.Missing);
        var user = (await Namespace.CreateAsync(
            NamespaceKinds.User, new() { IdMap = TestIds.Map }, Cancelled));
        var options = new ContainerOptions { Command = ["id", "-u"], User = "7:8", IdMap = TestIds.Map, Join = user };
        Assert.Equal("7", await Script.OutputAsync(options));

        var missing = await Refusal.OfStartAsync(
            options with { IdMap = IdMap.Ranges([new(0, 1, 70000)], [new(0, 1, 70000)]), User = "60000:0" });
        Assert.Equal(("setresuid", Errno.EINVAL), (missing.Call, missing.Errno));
    }

    [Fact]
    public async Task What_no_container_can_join_is_refused_before_anything_is_made()
    {
        using var ownUser = Namespace.OfThisProcess(NamespaceKinds.User);
        using var ownPid = Namespace.OfThisProcess(NamespaceKinds.Pid);
        using var ownMount = Namespace.OfThisProcess(NamespaceKinds.Mount);
        using var ownNetwork = Namespace.OfThisProcess(NamespaceKinds.Network);
        await RefusedAsync("own user namespace", ownUser);
        await RefusedAsync("the user namespace that owns it", ownPid);
        await RefusedAsync("no mount namespace", ownMount);
        var user = (await Namespace.CreateAsync(
            NamespaceKinds.User, new() { IdMap = Host.IsRoot ? IdMap.SingleIdAs(7, 7) : IdMap.SingleId }, Cancelled));
        Assert.Contains(
            "MaxUserNamespaces",
            (await Refusal.OfOptionsAsync(new() { Command = ["true"], Join = user, MaxUserNamespaces = 1 })).Message,
            StringComparison.Ordinal);
        user[0].Dispose();
        await RefusedAsync("two namespaces of one kind", ownNetwork, ownNetwork);
        await RefusedAsync("Join[0] must not be null", (Namespace)null!);
        using var uts = Namespace.OfThisProcess(NamespaceKinds.Uts);
        var refusal = await Refusal.OfOptionsAsync(
            new() { Command = ["true"], HostName = "mine", Join = [uts] });
        Assert.Contains("UTS", refusal.Message, StringComparison.Ordinal);
        refusal = await Refusal.OfOptionsAsync(
            new() { Command = ["true"], TimeOffsets = new(TimeSpan.FromDays(1), default) });
        Assert.Contains("NamespaceKinds.Time", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_namespace_of_the_host_is_not_an_ordinary_users_to_join()
    {
        if (Host.IsRoot)
        {
            return; // whose all are
        }

        using var network = Namespace.OfThisProcess(NamespaceKinds.Network);
        var failure = await Refusal.OfStartAsync(new() { Command = ["true"], Join = [network] });
        Assert.Equal(("setns", Errno.EPERM), (failure.Call, failure.Errno));
        Assert.NotNull(failure.Hint);
    }

    private static double Days(string uptime) =>
        double.Parse(uptime.Split(' ')[0], CultureInfo.InvariantCulture) / 86400;

    private static async Task RefusedAsync(string complaint, params Namespace[] join)
    {
        var refusal = await Refusal.OfOptionsAsync(new() { Command = ["true"], Join = join });
        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
    }
}
