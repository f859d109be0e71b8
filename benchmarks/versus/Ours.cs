using System.IO.Pipelines;
using ContainerKit;

namespace Versus;

/// <summary>ContainerKit, doing the same work through its public API.</summary>
internal static class Ours
{
    public const string InitOff = "ContainerKit, init off";
    public const string InitOn = "ContainerKit, init on";
    public const string Spare = "ContainerKit, init off, a spare";

    public const string Exec = "ContainerKit, exec into a container that runs";

    public const string KeptIds = "ContainerKit, init off, ids kept";

    private static readonly Lazy<Task<KeptIds>> Kept = new(
        () => ContainerHost.Default.KeepIdsAsync(IdMap.Ranges([new(0, 100_000, 65_536)], [new(0, 100_000, 65_536)])));

    private static Task<Container>? _running;

    private static readonly ContainerHost HostWithSpare = new(new ContainerHostOptions { Spares = 1 });

    /// <summary>We, with output that goes nowhere as that of the peers, and once as a caller gets it unasked.</summary>
    public static IEnumerable<Contender> Contenders(Workshop workshop)
    {
        yield return new(InitOff, () => RunAsync(workshop, init: false));
        yield return new(InitOn, () => RunAsync(workshop, init: true));
        yield return new(Spare, async () =>
            (await HostWithSpare.RunAsync(Silent(workshop, ["/true"]) with { Init = false })).EnsureSuccess());
        yield return new($"{InitOn}, a spare", async () => (await HostWithSpare.RunAsync(Silent(workshop, ["/true"])))
            .EnsureSuccess());
        yield return new(KeptIds, async () => await RunAsync(workshop, (await Kept.Value).IdMap));
        yield return new("ContainerKit, init off, ids automatic", () => RunAsync(workshop, IdMap.Automatic()));
        yield return new(Exec, () => ExecAsync(workshop));
        yield return new($"{InitOn}, output captured",
            async () => (await Container.RunAsync(
                Captured(workshop, ["/true"]) with { Seccomp = SeccompProfile.Unconfined })).EnsureSuccess());
    }

    /// <summary>Runs the program that does nothing.</summary>
    public static async ValueTask RunAsync(Workshop workshop, bool init) =>
        (await Container.RunAsync(Silent(workshop, ["/true"]) with { Init = init })).EnsureSuccess();

    /// <summary>The same with a profile of system calls.</summary>
    public static async ValueTask RunAsync(Workshop workshop, bool init, SeccompProfile seccomp) =>
        (await Container.RunAsync(Silent(workshop, ["/true"]) with { Init = init, Seccomp = seccomp })).EnsureSuccess();

    /// <summary>The same from other options to begin with.</summary>
    public static async ValueTask RunAsync(Workshop workshop, bool init, ContainerOptions profile) =>
        (await Container.RunAsync(profile with
        {
            Command = ["/true"],
            Root = RootFilesystem.Directory(workshop.Root),
            StandardOutput = StandardStream.Null,
            StandardError = StandardStream.Null,
            Init = init,
        })).EnsureSuccess();

    /// <summary>The same with an init, in a group that is limited.</summary>
    public static async ValueTask RunAsync(Workshop workshop, CgroupLimits? limits) =>
        (await Container.RunAsync(Silent(workshop, ["/true"]) with { Limits = limits })).EnsureSuccess();

    private static async ValueTask RunAsync(Workshop workshop, IdMap map) =>
        (await Container.RunAsync(Silent(workshop, ["/true"]) with { Init = false, IdMap = map })).EnsureSuccess();

    private static async ValueTask ExecAsync(Workshop workshop)
    {
        var container = await (_running ??= StartPausedAsync(ContainerHost.Default, workshop));
        await using var process = await container.ExecAsync(new() { Command = ["/true"] });
        if (!(await process.WaitAsync()).IsSuccess)
        {
            throw new InvalidOperationException($"{Exec}: {await process.WaitAsync()}");
        }
    }

    /// <summary>Ends the container that programs were executed in, and the spare that waits.</summary>
    public static async ValueTask EndAsync()
    {
        if (_running is not null)
        {
            await (await _running).DisposeAsync();
            _running = null;
        }

        await HostWithSpare.DisposeAsync(); // or its spare would be counted with what lives later
    }

    /// <summary>The plan of a run.</summary>
    public static string Explain(Workshop workshop, bool init) =>
        Container.Explain(Silent(workshop, ["/true"]) with { Init = init });

    /// <summary>What a command writes in a container.</summary>
    public static async Task<string> OutputAsync(Workshop workshop, IReadOnlyList<string> command, bool copyOnWrite)
    {
        var options = Captured(workshop, command);
        if (copyOnWrite)
        {
            options = options with { Root = RootFilesystem.Directory(workshop.Root, CopyOnWrite.In(workshop.Changes)) };
        }

        return (await Container.RunAsync(options)).EnsureSuccess().StandardOutput;
    }

    /// <summary>Starts a container that lives until it is disposed.</summary>
    public static async Task<IAsyncDisposable> StartPausedAsync(Workshop workshop)
    {
        var pipe = new Pipe();
        var cancellation = new CancellationTokenSource();
        var running = Container.RunAsync(
            Silent(workshop, ["/work", "pause"]) with
            { StandardOutput = StandardStream.To(pipe.Writer.AsStream()) }, cancellation.Token);
        await await Task.WhenAny(running, pipe.Reader.ReadAsync().AsTask());
        return new Paused(running, cancellation);
    }

    /// <summary>Starts a program whose standard streams are pipes, or a terminal.</summary>
    public static Task<Container> StartAsync(Workshop workshop, IReadOnlyList<string> command, bool terminal)
    {
        var stream = terminal ? StandardStream.Terminal : StandardStream.Pipe;
        return Container.StartAsync(Silent(workshop, command) with { StandardInput = stream, StandardOutput = stream });
    }

    /// <summary>Starts a container that lives as long as its host.</summary>
    public static Task<Container> StartPausedAsync(ContainerHost host, Workshop workshop) =>
        host.StartAsync(Silent(workshop, ["/work", "pause"]));

    private static ContainerOptions Captured(Workshop workshop, IReadOnlyList<string> command) =>
        new() { Command = command, Root = RootFilesystem.Directory(workshop.Root) };

    /// <summary>Without output, and, as the peers and the limit, without a filter of system calls.</summary>
    private static ContainerOptions Silent(Workshop workshop, IReadOnlyList<string> command) =>
        Captured(workshop, command) with
        {
            StandardOutput = StandardStream.Null,
            StandardError = StandardStream.Null,
            Seccomp = SeccompProfile.Unconfined,
        };

    private sealed class Paused(Task running, CancellationTokenSource cancellation) : IAsyncDisposable
    {
        public async ValueTask DisposeAsync()
        {
            await cancellation.CancelAsync();
            await running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellation.Dispose();
        }
    }
}
