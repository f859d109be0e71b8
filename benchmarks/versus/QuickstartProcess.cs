using System.Runtime.InteropServices;

namespace Versus;

/// <summary>The whole process of the built Quickstart against that of a hello world that starts one process.</summary>
internal static class QuickstartProcess
{
    private const string Hello = "dotnet Hello.dll";
    private const string Quickstart = "dotnet Quickstart.dll";

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Verdicts verdicts)
    {
        // The runtime lies in <root>/shared/Microsoft.NETCore.App/<version>/, and started by no other host than this one's.
        var dotnet = Path.GetFullPath("../../../dotnet", RuntimeEnvironment.GetRuntimeDirectory());
        var rounds = await Rounds.RunAsync(
            [
                Contender.Process(Hello, [dotnet, Path.Combine(AppContext.BaseDirectory, "Hello.dll")]),
                Contender.Process(Quickstart, [dotnet, Path.Combine(AppContext.BaseDirectory, "Quickstart.dll")]),
            ],
            warmUp: 2, settings.Rounds, Math.Min(settings.Each, 2));
        var table = new Table("whole process", "median ms", "p90 ms");
        foreach (var name in rounds.Names)
        {
            var times = rounds.Times(name).ToArray();
            table.Add(name, Table.Figure(Statistics.Median(times)), Table.Figure(Statistics.Percentile(times, 0.9)));
        }

        Console.WriteLine($"{table}\n");
        verdicts.AtMost($"{Quickstart} : {Hello}", Statistics.Median(rounds.Ratios(Quickstart, Hello)), 2);
    }
}
