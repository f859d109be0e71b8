using System.IO.Pipelines;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>A container that runs, with its processes as the host sees them. Disposing kills it.</summary>
internal sealed class LiveContainer : IAsyncDisposable
{
    private readonly Pipe _lines = new();
    private readonly OutputPipe _output;
    private readonly Task _forwarding;

    private LiveContainer(ContainerOptions options)
    {
        using var nothing = File.OpenHandle("/dev/null", FileMode.Open, FileAccess.ReadWrite);
        _output = new(0, _lines.Writer.AsStream());
        Launched =
            LaunchedProcess.Start(Launcher.Memory, ContainerPlan.Make(options), [nothing, _output.FarEnd, nothing]);
        Output = new(_lines.Reader.AsStream());
        _forwarding = ForwardAsync();
    }

    /// <summary>The launch behind it.</summary>
    public LaunchedProcess Launched { get; }

    /// <summary>What the program writes to standard output.</summary>
    public StreamReader Output { get; }

    /// <summary>The launcher that stayed outside.</summary>
    public ProcessEntry Supervisor => ProcessTree.Find(Launched.SupervisorId)!.Value;

    /// <summary>PID 1 of the container: its init, or the program.</summary>
    public ProcessEntry PidOne => ProcessTree.ChildrenOf(Launched.SupervisorId).Single();

    /// <summary>The program.</summary>
    public ProcessEntry Program => ProcessTree.Find(Launched.ProgramId)!.Value;

    /// <summary>Starts a container, and waits until its program was executed.</summary>
    public static async Task<LiveContainer> StartAsync(ContainerOptions options)
    {
        var live = new LiveContainer(options);
        await live.Launched.Started.WaitAsync(TimeFactor.Seconds(30));
        return live;
    }

    /// <summary>Starts a script of the shell, and waits until it says <c>up</c>.</summary>
    public static async Task<LiveContainer> StartAsync(string script, bool init = true)
    {
        var live = await StartAsync(new ContainerOptions { Command = ["sh", "-c", script], Init = init });
        Assert.Equal("up", await live.ReadLineAsync());
        return live;
    }

    /// <summary>The next line of its output; null at the end.</summary>
    public Task<string?> ReadLineAsync() => Output.ReadLineAsync().WaitAsync(TimeFactor.Seconds(30));

    /// <summary>Waits for its end.</summary>
    public Task<WaitStatus> EndAsync() => Launched.Ended.WaitAsync(TimeFactor.Seconds(30));

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Launched.Send(Signal.SIGKILL);
        await ((Task)EndAsync()).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _lines.Reader.CompleteAsync(); // what nobody reads is not waited for
        await _forwarding;
        _output.Dispose();
    }

    private async Task ForwardAsync()
    {
        _output.Start();
        await _output.Ended;
        await _lines.Writer.CompleteAsync();
    }
}
