namespace ContainerKit.KernelTests;

/// <summary>The host report of another process, by the names of its findings.</summary>
internal sealed class Report
{
    private readonly Dictionary<string, (bool IsAvailable, string Text, string Remedy)> _findings = [];

    private Report(string output)
    {
        foreach (var line in output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            var fields = line.Split('\t');
            _findings.Add(fields[0], (bool.Parse(fields[1]), fields[2], fields[3]));
        }
    }

    public (bool IsAvailable, string Text, string Remedy) this[string name] => _findings[name];

    /// <summary>
    /// The report of a host that is started through a command, with a launcher from a file if one is named.
    /// </summary>
    public static async Task<Report> OfAsync(string[] through, params string[] launcher)
    {
        await using var host = HostProcess.StartThrough(through, ["report", .. launcher]);
        var (exitCode, output) = await host.EndAsync();
        Assert.True(exitCode is 0 or 1 && output.Length > 0, $"{exitCode}\n{host.Errors}\n{output}");
        return new(output);
    }

    /// <summary>
    /// The report of a host in surroundings that a script prepares first; it may change what is executed, "$@".
    /// </summary>
    public static Task<Report> InAsync(string[] through, string script, params string[] launcher) =>
        OfAsync([.. through, "sh", "-ec", $"{script}\nexec \"$@\"", "sh"], launcher);

    /// <summary>Fails unless a finding is a no with this in its reason and its remedy.</summary>
    public void AssertNo(string name, string reason, string remedy)
    {
        var finding = this[name];
        Assert.False(finding.IsAvailable, name);
        Assert.Contains(reason, finding.Text, StringComparison.Ordinal);
        Assert.Contains(remedy, finding.Remedy, StringComparison.Ordinal);
    }
}
