namespace ContainerKit.KernelTests.Contracts;

/// <summary>The launcher that stays outside of a container.</summary>
public class SupervisorTests
{
    /// <summary>Every signal but SIGKILL and SIGSTOP, which cannot be blocked.</summary>
    private const ulong AllSignals = 0xffff_ffff_fffb_feff;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_supervisor_holds_only_its_channels(bool init)
    {
        using var inheritable = Native.InheritableCopy(File.OpenHandle("/dev/zero"));
        await using var container = await LiveContainer.StartAsync("echo up; exec sleep 1000", init);

        var held = container.Supervisor.Descriptors().Values;
        string[] kinds = ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"];
        Assert.Equal(3 + kinds.Length, held.Count);
        Assert.Single(held, "anon_inode:[pidfd]");
        Assert.Equal(2, held.Count(target => target.StartsWith("socket:", StringComparison.Ordinal)));

        // What others join, as they were before the program could leave them.
        Assert.All(kinds, kind => Assert.Single(held, container.Program.Namespace(kind)));
    }

    [Fact]
    public async Task The_supervisor_has_a_session_of_its_own_and_blocks_every_signal()
    {
        await using var container = await LiveContainer.StartAsync("echo up; exec sleep 1000");

        var supervisor = container.Supervisor;
        Assert.Equal(supervisor.Id.ToString(), supervisor.Status("NSsid"));
        Assert.Equal(AllSignals, supervisor.Mask("SigBlk"));
        Assert.Equal(0ul, supervisor.Mask("SigIgn"));
    }

    [Fact]
    public async Task The_supervisor_is_single_threaded_and_sleeps()
    {
        await using var container = await LiveContainer.StartAsync("echo up; exec sleep 1000");

        await Eventually.Holds(() => container.Supervisor.State == 'S', "The supervisor should sleep.");
        Assert.Equal("1", container.Supervisor.Status("Threads"));
    }

    [Fact]
    public async Task The_supervisor_is_in_no_namespace_of_the_container()
    {
        await using var container = await LiveContainer.StartAsync("echo up; exec sleep 1000");

        foreach (var kind in new[] { "user", "mnt", "pid", "net", "ipc", "uts", "cgroup" })
        {
            var ours = ProcessTree.Find(Environment.ProcessId)!.Value.Namespace(kind);
            Assert.Equal(ours, container.Supervisor.Namespace(kind));
            Assert.NotEqual(ours, container.Program.Namespace(kind));
        }
    }

    [CgroupFact]
    public async Task The_supervisor_is_not_in_the_containers_cgroup()
    {
        var own = CgroupsOf(Environment.ProcessId);
        await using var host = new ContainerHost(new() { CgroupParent = CgroupFactAttribute.Parent });
        foreach (var init in (bool[])[true, false])
        {
            var options = new ContainerOptions { Command = ["sleep", "1000"], Init = init };
            await using var container = await host.StartAsync(options, TestContext.Current.CancellationToken);
            await using var executed = await container.ExecAsync(
                new() { Command = ["sleep", "1000"] }, TestContext.Current.CancellationToken);
            var above = ProcessTree.Find(container.Pid)!.Value.Parent;
            var (pidOne, supervisor) = init ? (above, ProcessTree.Find(above)!.Value.Parent) : (container.Pid, above);
            Assert.Equal(Environment.ProcessId, ProcessTree.Find(supervisor)!.Value.Parent);

            Assert.Equal(own, CgroupsOf(supervisor));
            var groups = CgroupsOf(container.Pid).Except(own).ToList();
            Assert.NotEmpty(groups);
            Assert.All(
                groups, group => Assert.Matches($"/containerkit-{Environment.ProcessId}-[0-9a-f]+-[0-9]+$", group));
            Assert.All(
                [pidOne, executed.Pid], inside => Assert.Equal(groups, CgroupsOf(inside).Except(own)));
            Assert.All(ProcessTree.ChildrenOf(Environment.ProcessId), child => // of what was executed, too
                Assert.Empty(groups.Intersect(CgroupsOf(child.Id))));
        }

        static List<string> CgroupsOf(int process) => [.. File.ReadLines($"/proc/{process}/cgroup")];
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_end_of_the_supervisor_ends_the_container(bool init)
    {
        var leftovers = await Leftovers.Before();
        var container = await LiveContainer.StartAsync("setsid sleep 1000 & echo up; exec sleep 1000", init);
        var inside = ProcessTree.Below(container.Supervisor.Id);
        Assert.Equal(init ? 3 : 2, inside.Count);

        Native.Kill(container.Supervisor.Id, Signal.SIGKILL);

        var failure = await Assert.ThrowsAsync<LaunchException>(container.EndAsync);
        Assert.Contains("supervisor was killed", failure.Hint, StringComparison.Ordinal);
        foreach (var process in inside)
        {
            await Eventually.Gone(process.Id);
        }

        await container.DisposeAsync();
        await leftovers.AssertNone();
    }

    [PythonFact]
    public async Task A_program_that_would_outlive_its_supervisor_is_killed_before_the_end_is_told()
    {
        // PR_SET_PDEATHSIG
        const string script =
            "import ctypes, time; ctypes.CDLL(None).prctl(1, 0); print('up', flush=True); time.sleep(1000)";
        await using var container = await LiveContainer.StartAsync(Script.Python(script) with { Init = false });
        Assert.Equal("up", await container.ReadLineAsync());
        var program = container.Program;

        Native.Kill(container.Supervisor.Id, Signal.SIGKILL);

        await Assert.ThrowsAsync<LaunchException>(container.EndAsync);
        Assert.False(ProcessTree.IsAlive(program.Id));
    }
}
