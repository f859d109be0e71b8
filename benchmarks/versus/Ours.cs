namespace Versus;

/// <summary>ContainerKit, doing the same work through its public API.</summary>
internal static class Ours
{
    public const string InitOff = "ContainerKit, init off";
    public const string InitOn = "ContainerKit, init on";

    /// <summary>Nobody yet: the containers do not exist.</summary>
    public static Task<IReadOnlyList<Contender>> ContendersAsync(Workshop workshop) =>
        Task.FromResult<IReadOnlyList<Contender>>([]);

    /// <summary>Runs the program that does nothing.</summary>
    public static Task RunAsync(Workshop workshop, bool init) => throw new NotSupportedException();

    /// <summary>What a command writes in a container.</summary>
    public static Task<string> OutputAsync(Workshop workshop, IReadOnlyList<string> command, bool copyOnWrite) =>
        throw new NotSupportedException();

    /// <summary>Starts a container that lives until it is disposed.</summary>
    public static Task<IAsyncDisposable> StartPausedAsync(Workshop workshop) => throw new NotSupportedException();
}
