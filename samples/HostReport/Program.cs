using ContainerKit;

// What this kernel and this user can do for containers; each "no" with its reason and a remedy.
var report = await HostReport.ProbeAsync();
Console.Write(report);
Console.WriteLine();
Console.WriteLine(report.CanRunContainers ? "Containers run here." : "Containers do not run here.");
return report.CanRunContainers ? 0 : 1;
