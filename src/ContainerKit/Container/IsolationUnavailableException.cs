namespace ContainerKit;

/// <summary>
/// This host cannot isolate a container as it was asked to; nothing was made. The message says what is missing, and
/// what would enable it.
/// </summary>
public sealed class IsolationUnavailableException : PlatformNotSupportedException
{
    internal IsolationUnavailableException(IReadOnlyList<HostFinding> report)
        : base(string.Join(Environment.NewLine,
            report.Where(finding => !finding.IsAvailable).Select(finding => finding.ToString())))
    {
        Report = report;
    }

    /// <summary>All that was asked for, which of it this host has, and why it lacks the rest.</summary>
    public IReadOnlyList<HostFinding> Report { get; }
}
