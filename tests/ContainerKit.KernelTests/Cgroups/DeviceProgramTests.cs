using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Cgroups;

/// <summary>The programs that decide on devices in version 2 come, are replaced, and go.</summary>
public class DeviceProgramTests
{
    private static readonly CgroupLimits
        Some = new() { Devices = DeviceRule.Defaults }, Others = new() { Devices = [DeviceRule.Defaults[0]] },
        All = new() { Devices = [DeviceRule.All] };

    private readonly DevicesController _controller = new();

    [CgroupFact(AsRoot = true, OfVersion2 = true)]
    public async Task Nothing_is_left_of_a_group_that_is_disposed_of()
    {
        var group = TestCgroups.Create();
        using (var directory = TestDevices.OpenUnified(group))
        {
            _controller.Write(directory, Some);
        }

        var program = Assert.Single(TestDevices.Programs(group));
        using (var opened = Syscall.OpenProgram(program))
        {
            Assert.Equal("containerkit", Syscall.InfoOf(opened!).Name);
        }

        await group.DisposeAsync();
        await Eventually.Holds(() => IsGone(program), "The program should be gone.");
    }

    [CgroupFact(AsRoot = true, OfVersion2 = true)]
    public async Task One_program_decides_whoever_changes_the_rules()
    {
        await using var group = TestCgroups.Create();
        using var first = TestDevices.OpenUnified(group);
        using var second = TestDevices.OpenUnified(group);
        foreach (var directory in (CgroupDirectory[])[first, first, second, first])
        {
            _controller.Write(directory, Some);
            var before = Assert.Single(TestDevices.Programs(group));
            _controller.Write(directory, Others);
            Assert.NotEqual(before, Assert.Single(TestDevices.Programs(group)));
        }

        _controller.Write(second, All);
        Assert.Empty(TestDevices.Programs(group));
        _controller.Write(first, All);
        _controller.Write(first, Some);
        Assert.Single(TestDevices.Programs(group));
    }

    [CgroupFact(AsRoot = true, OfVersion2 = true)]
    public async Task Rules_changed_from_many_sides_at_once_are_one_of_them()
    {
        await using var group = TestCgroups.Create();
        using var directory = TestDevices.OpenUnified(group);
        _controller.Write(directory, Some);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            using var own = TestDevices.OpenUnified(group);
            for (var i = 0; i < 50; i++)
            {
                _controller.Write(own, i % 2 == 0 ? Some : Others);
                _controller.Write(directory, i % 2 == 0 ? Others : Some);
            }
        })));
        Assert.Single(TestDevices.Programs(group));
    }

    [CgroupFact(AsRoot = true, OfVersion2 = true)]
    public async Task First_rules_from_many_sides_at_once_are_one_program()
    {
        for (var i = 0; i < TimeFactor.Times(50, soak: 1000); i++)
        {
            await using var group = TestCgroups.Create();
            using var gate = new Barrier(4);
            await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Factory.StartNew(
                () =>
                {
                    using var own = TestDevices.OpenUnified(group);
                    gate.SignalAndWait();
                    _controller.Write(own, Some);
                },
                CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default)));
            Assert.Single(TestDevices.Programs(group));
        }
    }

    [CgroupFact(AsRoot = true, OfVersion2 = true)]
    public async Task The_program_of_another_stays_and_both_decide()
    {
        await using var group = TestCgroups.Create();
        using var directory = TestDevices.OpenUnified(group);
        using var handle = Syscall.Open(directory.Path, OpenFlags.O_RDONLY);
        using var other = Syscall.LoadDeviceProgram(DeviceProgram.Compile(new(DeviceRule.Defaults)), "other");
        Syscall.AttachDeviceProgram(handle, other, null, "");
        _controller.Write(directory, Others);
        _controller.Write(directory, Some);
        Assert.Equal(2, TestDevices.Programs(group).Length);
        _controller.Write(directory, All);
        Assert.Single(TestDevices.Programs(group));
        Assert.Equal([DeviceRule.All], _controller.Read(directory, new()).Devices!);
    }

    [CgroupFact(AsRoot = true, OfVersion2 = true)]
    public async Task A_group_that_is_gone_is_typed_and_so_is_one_that_is_closed()
    {
        var group = TestCgroups.Create();
        using var directory = TestDevices.OpenUnified(group);
        _controller.Write(directory, Some);
        await group.DisposeAsync();
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => _controller.Write(directory, Others)).Errno);
        directory.Dispose();
        Assert.Throws<ObjectDisposedException>(() => _controller.Write(directory, Others));
    }

    [CgroupFact(AsRoot = true, OfVersion2 = true)]
    public async Task Who_may_not_load_a_program_is_told_what_would_enable_it()
    {
        await using var group = TestCgroups.Create();
        using var directory = TestDevices.OpenUnified(group);
        var refusal = await Native.AsNobody(
            () => Assert.Throws<LimitNotSupportedException>(() => _controller.Write(directory, Some)));
        Assert.Contains("CAP_SYS_ADMIN", refusal.Message, StringComparison.Ordinal);
        Assert.Empty(TestDevices.Programs(group));
        Assert.Null(_controller.Read(directory, new()).Devices);
    }

    private static bool IsGone(uint program)
    {
        using var opened = Syscall.OpenProgram(program);
        return opened is null;
    }
}
