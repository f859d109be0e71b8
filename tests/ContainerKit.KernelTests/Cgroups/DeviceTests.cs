using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>Only what a rule allows is done with devices, in both versions.</summary>
public class DeviceTests
{
    private const DeviceAccess ReadWrite = DeviceAccess.Read | DeviceAccess.Write;
    private const string ReadNull = "true </dev/null", ReadZero = "true </dev/zero", Denied = "not permitted";

    private static readonly DeviceRule
        Null = Character(1, 3, ReadWrite), Zero = Character(1, 5, ReadWrite), Full = Character(1, 7, ReadWrite);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [CgroupFact(AsRoot = true)]
    public Task Only_what_a_rule_allows_is_opened_from_then_on() => TestDevices.InEach(async devices =>
    {
        using var shell = devices.Shell();
        await Succeeds(shell, ReadZero);
        devices.Allow(Null);
        await Succeeds(shell, ReadNull);
        await IsDenied(shell, ReadZero);
        devices.Allow(Zero);
        await Succeeds(shell, ReadZero);
        await IsDenied(shell, ReadNull);
        devices.Allow();
        await IsDenied(shell, ReadNull);
        devices.Allow(DeviceRule.All);
        await Succeeds(shell, ReadNull);
        await Succeeds(shell, ReadZero);
    });

    [CgroupFact(AsRoot = true)]
    public Task Reading_and_writing_are_allowed_each_by_itself() => TestDevices.InEach(async devices =>
    {
        using var shell = devices.Shell();
        devices.Allow(Null with { Access = DeviceAccess.Read }, Full with { Access = DeviceAccess.Write });
        await Succeeds(shell, ReadNull);
        await IsDenied(shell, "true >/dev/null");
        await IsDenied(shell, "true <>/dev/null");
        await IsDenied(shell, "true </dev/full");
        await Succeeds(shell, "true >/dev/full");
        devices.Allow(Null with { Access = DeviceAccess.Read }, Null with { Access = DeviceAccess.Write });
        await Succeeds(shell, "true <>/dev/null");
    });

    [CgroupFact(AsRoot = true)]
    public Task A_number_that_may_be_any_allows_all_and_only_of_its_kind() => TestDevices.InEach(async devices =>
    {
        using var shell = devices.Shell();
        devices.Allow(Character(1, null, DeviceAccess.Read));
        await Succeeds(shell, ReadZero);
        await IsDenied(shell, "true </dev/ptmx");
        devices.Allow(Character(null, 2, ReadWrite));
        await IsDenied(shell, ReadZero);
        await Succeeds(shell, "true </dev/ptmx");
        devices.Allow(Character(null, null, ReadWrite) with { Kind = DeviceKind.Block });
        await IsDenied(shell, ReadZero);
        devices.Allow(Character(null, null, ReadWrite) with { Kind = DeviceKind.Any });
        await Succeeds(shell, ReadZero);
    });

    [CgroupFact(AsRoot = true)]
    public Task A_node_is_made_only_of_what_a_rule_allows() => TestDevices.InEach(async devices =>
    {
        using var directory = new TempDirectory();
        using var shell = devices.Shell();
        devices.Allow(Null with { Access = DeviceAccess.MakeNode | ReadWrite }, Zero);
        await Succeeds(shell, $"mknod {directory["null"]} c 1 3");
        await IsDenied(shell, $"mknod {directory["zero"]} c 1 5");
        await IsDenied(shell, $"mknod {directory["block"]} b 1 3");
        await Succeeds(shell, $"mknod {directory["fifo"]} p");
        Assert.False(File.Exists(directory["zero"]));
    });

    [CgroupFact(AsRoot = true)]
    public Task What_is_allowed_before_and_after_a_change_is_at_all_times_and_nothing_else_ever_is() =>
        TestDevices.InEach(async devices =>
        {
            using var directory = new TempDirectory();
            var file = directory.Write("run", "");
            IReadOnlyList<DeviceRule> first = [.. Many(10), Null], second = [.. Many(11), Null];
            devices.Allow(first);
            using var process = TestCgroups.Rest(
                devices.Group,
                $"echo up; while [ -e {file} ]; do {{ true </dev/null; }} 2>&- || echo denied; "
                + $"{{ {ReadZero}; }} 2>&- && echo opened; done; echo end");
            Assert.Equal("up", await process.Output.ReadLineAsync(Cancelled));
            for (var i = 0; i < TimeFactor.Times(300, soak: 20_000); i++)
            {
                devices.Allow(second);
                devices.Allow(first);
                await Task.Yield();
            }

            File.Delete(file);
            Assert.Equal("end", await process.Output.ReadLineAsync(Cancelled));
        });

    [CgroupFact(AsRoot = true)]
    public Task Rules_are_read_back_put_together() => TestDevices.InEach(devices =>
    {
        var before = devices.Read();
        Assert.Equal(devices.IsUnified ? null : ["a *:* rwm"], before);
        devices.Allow(DeviceRule.Defaults);
        Assert.Equal(DeviceRule.Defaults.Select(rule => rule.ToString()).Order(StringComparer.Ordinal), devices.Read());
        devices.Allow(
            Null, Null with { Access = DeviceAccess.MakeNode }, Character(5, null, ReadWrite),
            Character(5, 0, ReadWrite));
        Assert.Equal(["c 1:3 rwm", "c 5:* rw"], devices.Read());
        devices.Allow();
        Assert.Equal([], devices.Read());
        devices.Allow(DeviceRule.All);
        devices.Allow(DeviceRule.All);
        Assert.Equal(["a *:* rwm"], devices.Read());
        return Task.CompletedTask;
    });

    [CgroupFact(AsRoot = true)]
    public Task As_many_rules_as_anybody_has_are_taken() => TestDevices.InEach(async devices =>
    {
        using var shell = devices.Shell();
        var many = Enumerable.Range(0, 1000).Select(number => Character(2000 + (number % 50), number, ReadWrite));
        devices.Allow([.. many, Null]);
        await Succeeds(shell, ReadNull);
        await IsDenied(shell, ReadZero);
        Assert.Equal(1001, devices.Read()!.Count());
    });

    [CgroupFact(AsRoot = true)]
    public async Task A_group_is_created_with_its_devices_and_others_in_it_have_no_more()
    {
        await using var group = TestCgroups.Create(new() { Devices = [Null] });
        await using var child = group.CreateChild("child");
        using var process = TestCgroups.Rest(child, $"{{ {ReadNull}; {ReadZero}; }} 2>&1; {ReadNull} && echo end");
        Assert.Contains(Denied, await process.Output.ReadLineAsync(Cancelled), StringComparison.Ordinal);
        Assert.Equal("end", await process.Output.ReadLineAsync(Cancelled));
        Assert.Equal("c 1:3 rw", Assert.Single(group.ReadLimits().Devices!).ToString());

        group.Update(new() { Pids = 10 });
        Assert.Single(group.ReadLimits().Devices!);
    }

    [CgroupFact(AsRoot = true)]
    public async Task More_than_the_group_above_has_is_refused_by_version_1_and_denied_by_version_2()
    {
        await using var group = TestCgroups.Create(new() { Devices = [Null] });
        await using var child = group.CreateChild("child");
        var wanted = new CgroupLimits { Devices = [Null with { Access = DeviceAccess.Read }, Zero] };
        if (!TestCgroups.IsPureVersion2)
        {
            var refusal = Assert.Throws<LimitNotSupportedException>(() => child.Update(wanted));
            Assert.Contains("c 1:5 rw", refusal.Message, StringComparison.Ordinal);
            Assert.Equal("c 1:3 rw", Assert.Single(child.ReadLimits().Devices!).ToString());
            Assert.Throws<LimitNotSupportedException>(() => child.Update(new() { Devices = [DeviceRule.All] }));
            Assert.Throws<LimitNotSupportedException>(() => group.Update(new() { Devices = [DeviceRule.All] }));
            group.Update(new() { Devices = [Zero] });
            Assert.Empty(child.ReadLimits().Devices!);
            return;
        }

        child.Update(wanted);
        using var process = TestCgroups.Rest(child, $"{{ {ReadZero}; }} 2>&1; {ReadNull} && echo end");
        Assert.Contains(Denied, await process.Output.ReadLineAsync(Cancelled), StringComparison.Ordinal);
        Assert.Equal("end", await process.Output.ReadLineAsync(Cancelled));
    }

    private static async Task Succeeds(Resting shell, string command)
    {
        shell.Tell(command);
        Assert.Equal("done", await shell.Output.ReadLineAsync(Cancelled));
    }

    private static async Task IsDenied(Resting shell, string command)
    {
        shell.Tell(command);
        Assert.Contains(Denied, await shell.Output.ReadLineAsync(Cancelled), StringComparison.Ordinal);
    }

    private static IEnumerable<DeviceRule> Many(int major) =>
        Enumerable.Range(0, 20).Select(minor => Character(major, minor, ReadWrite));

    private static DeviceRule Character(int? major, int? minor, DeviceAccess access) =>
        new(DeviceKind.Character, major, minor, access);
}
