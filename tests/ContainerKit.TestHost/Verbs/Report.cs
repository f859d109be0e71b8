namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// report [LAUNCHER]: prints each finding of the host report on a line: name, answer, detail or reason, remedy, between
/// tabs.
/// </summary>
internal static class Report
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var options = arguments is [var launcher]
            ? new ContainerHostOptions { Launcher = Launcher.File(launcher) }
            : null;
        var report = await HostReport.ProbeAsync(options);
        foreach (var finding in report.Findings)
        {
            Console.WriteLine(
                $"{finding.Name}\t{finding.IsAvailable}\t{finding.Detail ?? finding.Reason}\t{finding.Remedy}");
        }

        return report.CanRunContainers ? 0 : 1;
    }
}
