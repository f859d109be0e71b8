using System.Text;

namespace ContainerKit;

/// <summary>
/// What this kernel and this user can do for containers. It is found out by trying, where trying leaves nothing behind,
/// and each "no" comes with its reason and a remedy.
/// </summary>
public sealed class HostReport
{
    private HostReport(IReadOnlyList<HostFinding> findings) => Findings = findings;

    /// <summary>All that was looked for.</summary>
    public IReadOnlyList<HostFinding> Findings { get; }

    /// <summary>Whether a container with default options starts here; it was tried.</summary>
    public bool CanRunContainers =>
        Findings.Any(finding => finding is { Name: HostProbe.DefaultContainer, IsAvailable: true });

    /// <summary>
    /// Finds out. Needs no privilege, runs no program, and takes as long as five to twenty starts. Where this process
    /// is in the root of a cgroup hierarchy, it makes a group there, which is removed at once, to see what it has.
    /// </summary>
    /// <param name="options">How containers would be hosted; as by <see cref="Container"/> unless said
    /// otherwise.</param>
    /// <param name="cancellationToken">Ends what is being tried.</param>
    /// <exception cref="ArgumentException">The options name a launcher that cannot be one.</exception>
    public static async Task<HostReport> ProbeAsync(
        ContainerHostOptions? options = null, CancellationToken cancellationToken = default) =>
        new(await HostProbe.RunAsync(options ?? new(), cancellationToken).ConfigureAwait(false));

    /// <summary>Formats the findings as a table, with the remedies below what is missing.</summary>
    public override string ToString()
    {
        var width = Findings.Max(finding => finding.Name.Length);
        var table = new StringBuilder();
        var remedy = (string?)null; // said once for all that follow
        foreach (var finding in Findings)
        {
            var answer = finding.IsAvailable ? "yes" : "no ";
            table.AppendLine($"{finding.Name.PadRight(width)}  {answer}  {finding.Detail ?? finding.Reason}".TrimEnd());
            if (finding.Remedy != remedy && finding.Remedy is not null)
            {
                table.Append(' ', width + 7).AppendLine(finding.Remedy);
            }

            remedy = finding.Remedy;
        }

        return table.ToString();
    }
}
