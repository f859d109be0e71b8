namespace ContainerKit;

/// <summary>Something that happened to a container.</summary>
/// <param name="Kind">What.</param>
/// <param name="Pid">Its program's process id as this process sees it.</param>
/// <param name="Id">The id of a detached container; null for others.</param>
/// <param name="ExitStatus">How its program ended; null unless it did, and that is known.</param>
/// <param name="At">When this process came to know.</param>
public sealed record ContainerEvent(
    ContainerEventKind Kind, int Pid, string? Id, ExitStatus? ExitStatus, DateTimeOffset At);

/// <summary>What can happen to a container.</summary>
public enum ContainerEventKind
{
    /// <summary>Its program was executed.</summary>
    Started,

    /// <summary>Its program ended.</summary>
    Exited,

    /// <summary>Its processes were stopped.</summary>
    Paused,

    /// <summary>Its processes go on.</summary>
    Resumed,
}
