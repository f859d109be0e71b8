namespace ContainerKit;

/// <summary>What is known of a detached container at one moment.</summary>
/// <param name="Id">Its id.</param>
/// <param name="State">What became of it.</param>
/// <param name="Pid">Its program's process id as this process sees it; 0 unless it runs.</param>
/// <param name="CreatedAt">When its start began.</param>
/// <param name="EndedAt">When its program ended; null unless that is known.</param>
/// <param name="ExitStatus">How its program ended; null unless that is known.</param>
public sealed record ContainerInfo(
    string Id, ContainerState State, int Pid, DateTimeOffset CreatedAt, DateTimeOffset? EndedAt,
    ExitStatus? ExitStatus);
