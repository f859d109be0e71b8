using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Starts that are prepared ahead.</summary>
public sealed class SparesTests : IAsyncDisposable
{
    private static readonly ContainerOptions True = new() { Command = ["true"] };

    private readonly Spares _spares = new(Launcher.Memory, most: 1);

    public ValueTask DisposeAsync() => _spares.DisposeAsync();

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_start_finds_a_spare_that_the_start_before_it_left(bool init)
    {
        await RunAsync(True with { Init = init });
        var spare = await SpareAsync();

        Assert.Equal(
            spare.Id, await RunAsync(True with { Init = init, WorkingDirectory = "/usr", HostName = "other" }));
        Assert.NotEqual(spare.Id, (await SpareAsync()).Id);
    }

    [Fact]
    public async Task A_start_with_other_ids_or_namespaces_does_not_take_it()
    {
        await RunAsync(True);
        var spare = await SpareAsync();

        Assert.NotEqual(spare.Id, await RunAsync(True with { User = "7" }));
        await Eventually.Gone(spare.Id); // the next is for the start that was last
        spare = await SpareAsync();
        Assert.NotEqual(spare.Id,
            await RunAsync(True with { User = "7", Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Ipc }));
    }

    [Fact]
    public async Task A_thread_that_hands_down_something_else_does_not_take_it()
    {
        await RunAsync(True);
        var spare = await SpareAsync();
        var taken = Task.CompletedTask;
        var supervisor = 0;
        var thread = new Thread(() =>
        {
            Native.GiveUpNewPrivileges();
            var run = RunAsync(True); // up to its first wait in this thread
            taken = run.ContinueWith(id => supervisor = id.Result, TaskScheduler.Default);
        });
        thread.Start();
        thread.Join();
        await taken;

        Assert.NotEqual(0, supervisor);
        Assert.NotEqual(spare.Id, supervisor);
        Assert.Equal(spare.Id, await RunAsync(True));
    }

    [Fact]
    public async Task A_program_in_a_spare_sees_what_any_other_sees()
    {
        // But for what counts up: ids of processes, mounts and devices, the host's id behind the container's root.
        var options = Script.Shell("""
            ulimit -a; umask; pwd; id; hostname; env | sort; ls -l /proc/self/fd | sed 's/.*-> //;s/[0-9]\{2,\}//' | sort
            grep -v -e pid -e Pid -e ctxt -e Vm -e Rss -e _allowed_ -e NSsid -e NSpgid /proc/self/status
            cut -d ' ' -f 4- /proc/self/mountinfo | sed 's/ - / /;s/[0-9]*:[0-9]*//;s/=5[0-9]*//g'; ls -l /dev | grep -v '^total' | sed 's/  */ /g' | cut -d ' ' -f 1-6,9-
            readlink /proc/1/exe; cat /sys/class/net/lo/flags; ls -A / /tmp /run /dev/shm
            """) with
        {
            Mounts = [new BindMount("/usr", "/tmp/usr"), new InlineFile("/tmp/file", "content")],
            ResourceLimits = [new(Resource.RLIMIT_NOFILE, 99, 99)],
            Environment = new Dictionary<string, string> { ["NAME"] = "value" },
        };
        await using var host = new ContainerHost(new() { Spares = 1 });
        var first =
            (await host.RunAsync(options, TestContext.Current.CancellationToken)).EnsureSuccess().StandardOutput;
        var spare = await SpareAsync();
        var second =
            (await host.RunAsync(options, TestContext.Current.CancellationToken)).EnsureSuccess().StandardOutput;

        Assert.False(ProcessTree.IsAlive(spare.Id));
        Assert.Equal(first, second);
        Assert.Contains("NoNewPrivs:\t1", first, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_step_that_fails_in_a_spare_is_named()
    {
        await using var host = new ContainerHost(new() { Spares = 1 });
        await host.RunAsync(True, TestContext.Current.CancellationToken);
        await SpareAsync();
        var failure = await Assert.ThrowsAsync<LaunchException>(
            () => host.RunAsync(new() { Command = ["/missing"] }, TestContext.Current.CancellationToken));

        Assert.Equal(("execve", Errno.ENOENT, "the command '/missing'"), (failure.Call, failure.Errno, failure.Cause));
    }

    [Fact]
    public async Task A_spare_that_was_killed_is_passed_over()
    {
        await RunAsync(True);
        var spare = await SpareAsync();
        var pidOne = ProcessTree.ChildrenOf(spare.Id).Single();
        Native.Kill(spare.Id, Signal.SIGKILL);
        await Eventually.Gone(pidOne.Id);

        Assert.NotEqual(spare.Id, await RunAsync(True));
        await Eventually.Holds(() => ProcessTree.Find(spare.Id) is null, "It should be reaped.");
    }

    [Fact]
    public async Task Nothing_is_left_of_spares_and_of_those_who_took_them()
    {
        var leftovers = await Leftovers.Before();
        await using (var host = new ContainerHost(new() { Spares = 3 }))
        {
            for (var round = 0; round < TimeFactor.Times(20, soak: 1000); round++)
            {
                await Task.WhenAll(Enumerable.Range(0, 5).Select(async number =>
                {
                    var options = Script.Shell($"echo {number}; exit {number}") with
                    { Init = number % 2 == 0, User = $"{round % 2}" };
                    var result = await host.RunAsync(options).WaitAsync(TimeFactor.Seconds(60));
                    Assert.Equal((number, $"{number}\n"), (result.ExitStatus.ExitCode, result.StandardOutput));
                }));
            }
        }

        await leftovers.AssertNone(seconds: 0);
    }

    [RootFact]
    public async Task A_mount_of_the_host_ends_its_spares_and_is_seen_by_the_next_container()
    {
        using var directory = new TempDirectory();
        await using var host =
            HostProcess.StartThrough(["unshare", "--mount", "--propagation", "private"], "mounter", directory.Path);
        var below = new List<ProcessEntry>();
        await Eventually.Holds(() => (below = Below(host)).Count > 0, "There should be a spare.");
        var spare = below[0];

        await host.WriteLineAsync("mount");
        Assert.Equal("mounted", await host.ReadLineAsync());
        await Eventually.Gone(spare.Id); // in use by it, the file system below could not be checked or ejected

        static List<ProcessEntry> Below(HostProcess host) =>
            ProcessTree.Below(host.Process.Id).FindAll(process => process.Parent == host.Process.Id);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(65)]
    public void An_impossible_number_of_spares_is_refused(int spares) =>
        Assert.Contains("Spares",
            Assert.Throws<ArgumentOutOfRangeException>(() => new ContainerHost(new() { Spares = spares })).Message);

    /// <summary>Runs a container, and gives the id of its supervisor.</summary>
    private async Task<int> RunAsync(ContainerOptions options)
    {
        using var nothing = Syscall.Open("/dev/null", OpenFlags.O_RDWR);
        var launched = _spares.Start(ContainerPlan.Make(options), [nothing, nothing, nothing], onlyEnd: true);
        Assert.Equal(0, (await Eventually.Ends(launched.Ended)).ExitCode);
        return launched.SupervisorId;
    }

    /// <summary>The supervisor of the one spare, once its PID 1 waits.</summary>
    private static async Task<ProcessEntry> SpareAsync()
    {
        ProcessEntry? found = null;
        await Eventually.Holds(() => (found = Find()) is not null, "There should be one spare.");
        return found!.Value;

        static ProcessEntry? Find() =>
            ProcessTree.ChildrenOf(Environment.ProcessId)
                .FindAll(child => ProcessTree.ChildrenOf(child.Id) is [{ State: 'S' }]) is [var one] ? one : null;
    }
}
