using System.Runtime.Versioning;
using Versus;

[assembly: SupportedOSPlatform("linux")]

if (Settings.Parse(args) is not { } settings)
{
    Console.Error.WriteLine(Settings.Usage);
    return 2;
}

try
{
    if (settings.Parts is not (["cgroups"] or ["restricted"]))
    {
        HybridCgroups.Leave();
    }

    if (settings.Parts.Any(part => part is "images" or "disk" or "commits" or "layers"))
    {
        Tmpfs.Enter();
    }

    var verdicts = new Verdicts(judge: !settings.Quick);
    using var workshop = new Workshop();
    Console.WriteLine($"{Machine.Describe(workshop)}\n");
    foreach (var part in settings.Parts)
    {
        await (part switch
        {
            "start" => StartToExit.RunAsync(settings, workshop, verdicts),
            "steady" => SteadyState.RunAsync(settings, workshop, verdicts),
            "streams" => Streams.RunAsync(settings, workshop, verdicts),
            "cgroups" => Cgroups.RunAsync(settings, workshop, verdicts),
            "images" => Images.RunAsync(settings, workshop, verdicts),
            "disk" => Images.RunOnDiskAsync(settings, workshop),
            "commits" => Commits.RunAsync(settings, workshop, verdicts),
            "layers" => LayeredStarts.RunAsync(settings, workshop, verdicts),
            "seccomp" => Seccomp.RunAsync(settings, workshop, verdicts),
            "restricted" => Restricted.RunAsync(settings, workshop, verdicts),
            "live" => Live.RunAsync(settings, workshop, verdicts),
            "memory" => Memory.RunAsync(settings, workshop, verdicts),
            _ => QuickstartProcess.RunAsync(settings, verdicts),
        });
    }

    Console.WriteLine(verdicts);
    return verdicts.Missed == 0 ? 0 : 1;
}
catch (InvalidOperationException failure)
{
    Console.Error.WriteLine(failure.Message);
    return 1;
}
