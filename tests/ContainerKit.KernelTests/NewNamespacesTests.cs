using System.Globalization;

namespace ContainerKit.KernelTests;

/// <summary>Namespaces that are made by themselves, held, pinned, and used by programs of the host.</summary>
public class NewNamespacesTests
{
    /// <summary>All that can be held without a process, as an ordinary user may have them.</summary>
    private const NamespaceKinds Holdable = NamespaceKinds.All & ~NamespaceKinds.Pid;

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    /// <summary>What an ordinary user needs besides.</summary>
    private static NamespaceKinds OfUser => Host.IsRoot ? NamespaceKinds.None : NamespaceKinds.User;

    private static NamespaceOptions Ids =>
        new() { IdMap = Host.IsRoot ? IdMap.SingleIdAs(100_000, 100_000) : IdMap.SingleId };

    [Fact]
    public async Task Each_kind_is_new_and_nothing_is_left_once_they_are_given_up()
    {
        var before = await Leftovers.Before();
        var made = await Namespace.CreateAsync(Holdable, Ids, Cancelled);

        Assert.Equal(made.Select(one => one.Kind), Enum.GetValues<NamespaceKinds>()
            .Where(kind => uint.PopCount((uint)kind) == 1 && Holdable.HasFlag(kind)));
        var user = made.Single(one => one.Kind is NamespaceKinds.User);
        foreach (var one in made)
        {
            using var own = Namespace.OfThisProcess(one.Kind);
            using var owner = one.OpenOwner();
            Assert.NotEqual(own, one);
            Assert.Equal(one.Kind is NamespaceKinds.User, !owner.Equals(user));
        }

        foreach (var one in made)
        {
            one.Dispose();
        }

        await before.AssertNone();
    }

    [Fact]
    public async Task A_program_of_the_host_runs_in_them_with_privileges_over_them()
    {
        var made = await Namespace.CreateAsync(
            NamespaceKinds.Network | NamespaceKinds.Uts | OfUser, Ids with { HostName = "pod" }, Cancelled);
        var result = await made.RunAsync(
            ["sh", "-c", "hostname; cut -d: -f1 /proc/net/dev | tail -n +3 | tr -d ' '; hostname changed"],
            Cancelled);
        var again = await made.RunAsync(["hostname"], Cancelled);

        Assert.Equal("", result.EnsureSuccess().StandardError);
        Assert.Equal("pod\nlo\n", result.StandardOutput);
        Assert.Equal("changed\n", again.StandardOutput);
        Assert.NotEqual("changed", Environment.MachineName);
    }

    [Fact]
    public async Task The_loopback_interface_is_up_and_sysctls_are_set()
    {
        var made = await Namespace.CreateAsync(
            NamespaceKinds.Network | OfUser,
            Ids with { Sysctls = new Dictionary<string, string> { ["net.ipv4.ip_unprivileged_port_start"] = "7" } },
            Cancelled);
        var result = await made.RunAsync(
            ["sh", "-c", "cat /proc/sys/net/ipv4/ip_unprivileged_port_start; grep -q 127.0.0.1 /proc/net/fib_trie"],
            Cancelled);

        Assert.Equal("7\n", result.EnsureSuccess().StandardOutput); // and addresses are routed where lo is up
    }

    [Fact]
    public async Task Clocks_are_as_far_ahead_as_was_said()
    {
        var offsets = new TimeOffsets(TimeSpan.FromDays(100), TimeSpan.FromDays(200) - TimeSpan.FromTicks(1));
        var made = await Namespace.CreateAsync(
            NamespaceKinds.Time | OfUser, Ids with { TimeOffsets = offsets }, Cancelled);
        var host = Uptime(await File.ReadAllTextAsync("/proc/uptime", Cancelled));
        var result = await made.RunAsync(["cat", "/proc/uptime", "/proc/self/timens_offsets"], Cancelled);

        Assert.InRange(Uptime(result.StandardOutput) - host, 199.9 * 86400, 200.1 * 86400);
        Assert.Matches(@"monotonic +8640000 +0\nboottime +17279999 +999999900\n", result.StandardOutput);
    }

    [RootFact]
    public async Task Root_pins_and_unpins_them_and_a_file_that_is_there_is_spared()
    {
        using var temp = new TempDirectory();
        await using var host = HostProcess.StartThrough(
            ["unshare", "--mount", "--propagation", "private"], "pin", temp["pinned"]);
        var (exit, output) = await host.EndAsync();

        Assert.Equal((0, ""), (exit, host.Errors.Trim()));
        Assert.Equal(
            $"open EEXIST\nTrue\nFalse\nNo namespace is pinned at '{temp["pinned"]}'. (Parameter 'path')\nTrue\n"
                + "mount EINVAL\nFalse\n",
            output);
    }

    [Fact]
    public async Task Who_may_not_mount_may_not_pin_and_nothing_is_left()
    {
        if (Host.IsRoot)
        {
            await using var host = HostProcess.StartThrough(
                ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"], "pin", "/tmp/nowhere");
            await host.EndAsync();
            Assert.Contains("EPERM", host.Errors, StringComparison.Ordinal);
            return;
        }

        using var temp = new TempDirectory();
        using var own = Namespace.OfThisProcess(NamespaceKinds.Network);
        var refusal = Assert.Throws<LinuxException>(() => own.Pin(temp["pinned"]));
        Assert.Equal(("mount", Errno.EPERM, temp["pinned"]), (refusal.Call, refusal.Errno, refusal.Path));
        Assert.Contains("hold the Namespace open", refusal.Message, StringComparison.Ordinal);
        Assert.False(File.Exists(temp["pinned"]));
    }

    [Fact]
    public async Task What_cannot_hold_is_refused_before_anything_is_made()
    {
        await RefusedAsync(NamespaceKinds.Pid, new(), "only while its PID 1 does");
        await RefusedAsync(NamespaceKinds.None, new(), "no kind");
        await RefusedAsync((NamespaceKinds)1, new(), "no kind");
        await RefusedAsync(NamespaceKinds.Network, new() { HostName = "pod" }, "UTS");
        await RefusedAsync(NamespaceKinds.Uts, new() { HostName = new('x', 65) }, "64 bytes");
        await RefusedAsync(NamespaceKinds.Uts, new() { TimeOffsets = new(TimeSpan.FromDays(1), default) }, "time");
        await RefusedAsync(NamespaceKinds.User, new() { IdMap = IdMap.Automatic() }, "IdMap.Ranges");
        await RefusedAsync(
            NamespaceKinds.Uts, new() { Sysctls = new Dictionary<string, string> { ["net.ipv4.ip_forward"] = "1" } },
            "Network");
        using var own = Namespace.OfThisProcess(NamespaceKinds.Network);
        await RefusedAsync(NamespaceKinds.Network, new() { Owner = own }, "Owner");
        using var ownUser = Namespace.OfThisProcess(NamespaceKinds.User);
        await RefusedAsync(NamespaceKinds.User, new() { Owner = ownUser }, "leave Owner out");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => Namespace.CreateAsync(NamespaceKinds.Network, null, new CancellationToken(canceled: true)));
    }

    [Theory]
    [InlineData("kernel.core_pattern", "the whole machine's")]
    [InlineData("vm.swappiness", "the whole machine's")]
    [InlineData("net/ipv4/ip_forward", "must have a name")]
    [InlineData("net..ipv4", "must have a name")]
    [InlineData("net.", "must have a name")]
    [InlineData("", "must have a name")]
    public async Task A_sysctl_that_is_no_namespaces_is_refused(string name, string complaint)
    {
        var sysctls = new Dictionary<string, string> { [name] = "1" };
        await RefusedAsync(NamespaceKinds.Network, new() { Sysctls = sysctls }, complaint);
        var refusal = await Refusal.OfOptionsAsync(new() { Command = ["true"], Sysctls = sysctls });
        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_failed_step_is_named_and_nothing_is_left()
    {
        var before = await Leftovers.Before();
        var far = new TimeOffsets(TimeSpan.FromDays(-36500), default);
        var failure = await Assert.ThrowsAsync<LaunchException>(
            () => Namespace.CreateAsync(NamespaceKinds.Time | OfUser, Ids with { TimeOffsets = far }, Cancelled));
        Assert.Equal(("write", Errno.ERANGE), (failure.Call, failure.Errno));
        var unknown = new Dictionary<string, string> { ["net.ipv4.no_such_setting"] = "1" };
        failure = await Assert.ThrowsAsync<LaunchException>(
            () => Namespace.CreateAsync(NamespaceKinds.Network | OfUser, Ids with { Sysctls = unknown }, Cancelled));
        Assert.Equal(("openat", Errno.ENOENT), (failure.Call, failure.Errno));
        Assert.Contains("no_such_setting", failure.Step, StringComparison.Ordinal);
        await before.AssertNone();
    }

    [Fact]
    public async Task Others_can_be_made_in_a_user_namespace_later()
    {
        using var user = (await Namespace.CreateAsync(NamespaceKinds.User, Ids, Cancelled))[0];
        using var network =
            (await Namespace.CreateAsync(NamespaceKinds.Network, new() { Owner = user }, Cancelled))[0];
        using var owner = network.OpenOwner();
        Assert.Equal(user, owner);
    }

    [Fact]
    public async Task A_program_that_cannot_be_run_there_is_named_and_cancelling_kills_it()
    {
        var before = await Leftovers.Before();
        var made = await Namespace.CreateAsync(NamespaceKinds.Network | OfUser, Ids, Cancelled);
        var failure = await Assert.ThrowsAsync<LaunchException>(() => made.RunAsync(["no-such-program"], Cancelled));
        Assert.Equal(("execve", Errno.ENOENT), (failure.Call, failure.Errno));
        await Assert.ThrowsAsync<ArgumentException>(() => made.RunAsync([], Cancelled));
        await Assert.ThrowsAsync<ArgumentException>(() => ((Namespace[])[]).RunAsync(["true"], Cancelled));
        Namespace[] twice = [made[0], made[0]];
        await Assert.ThrowsAsync<ArgumentException>(() => twice.RunAsync(["true"], Cancelled));

        using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => made.RunAsync(["sleep", "1000"], cancelled.Token));
        foreach (var one in made)
        {
            one.Dispose();
        }

        await Assert.ThrowsAsync<ObjectDisposedException>(() => made.RunAsync(["true"], Cancelled));
        await before.AssertNone();
    }

    private static async Task RefusedAsync(NamespaceKinds kinds, NamespaceOptions options, string complaint)
    {
        var refusal = await Assert.ThrowsAsync<ArgumentException>(
            () => Namespace.CreateAsync(kinds, options, Cancelled));
        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
    }

    private static double Uptime(string text) =>
        double.Parse(text.Split(' ')[0], CultureInfo.InvariantCulture);
}
