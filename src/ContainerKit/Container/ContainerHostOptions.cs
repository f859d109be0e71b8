namespace ContainerKit;

/// <summary>How a process hosts its containers.</summary>
public sealed record ContainerHostOptions
{
    /// <summary>Where the launcher is run from; memory unless said otherwise.</summary>
    public Launcher Launcher { get; init; } = Launcher.Memory;
}
