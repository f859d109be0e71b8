using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Versus;

/// <summary>
/// The whole process of the built Quickstart against that of a hello world that starts one process. The library is the
/// one that a user of the package gets, compiled ahead of time; a third contender has the IL alone, as the sources give
/// it.
/// </summary>
internal static class QuickstartProcess
{
    private const string Hello = "dotnet Hello.dll";
    private const string Quickstart = "dotnet Quickstart.dll";
    private const string WithoutReadyToRun = "dotnet Quickstart.dll, IL alone";

    /// <summary>Measures, prints, and judges.</summary>
    public static async Task RunAsync(Settings settings, Verdicts verdicts)
    {
        // The runtime lies in <root>/shared/Microsoft.NETCore.App/<version>/, and started by no other host than this
        // one's.
        var dotnet = Path.GetFullPath("../../../dotnet", RuntimeEnvironment.GetRuntimeDirectory());
        var packaged = Directory.CreateTempSubdirectory("versus-quickstart-");
        try
        {
            await CompileAheadAsync(dotnet, packaged.FullName);
            var rounds = await Rounds.RunAsync(
                [
                    Contender.Process(Hello, [dotnet, Beside("Hello.dll")]),
                    Contender.Process(Quickstart, [dotnet, Path.Combine(packaged.FullName, "Quickstart.dll")]),
                    Contender.Process(WithoutReadyToRun, [dotnet, Beside("Quickstart.dll")]),
                ],
                warmUp: 2, settings.Rounds, Math.Min(settings.Each, 2));
            Print(rounds);
            verdicts.AtMost($"{Quickstart} : {Hello}", Statistics.Median(rounds.Ratios(Quickstart, Hello)), 2);
        }
        finally
        {
            packaged.Delete(recursive: true);
        }
    }

    // The Quickstart as it was built, beside the library as packing compiles it.
    private static async Task CompileAheadAsync(string dotnet, string directory)
    {
        await MustAsync(dotnet,
            [
                "publish", Path.Combine(Sources(), "src/ContainerKit/Package/ReadyToRun.csproj"),
                "-r", $"linux-{RuntimeInformation.OSArchitecture.ToString().ToLowerInvariant()}", "-v", "quiet",
                "-p:UseSharedCompilation=false", "-nodeReuse:false", $"-p:Library={Beside("ContainerKit.dll")}",
                $"-p:BaseIntermediateOutputPath={directory}/obj/", $"-p:BaseOutputPath={directory}/bin/", "-o",
                directory,
            ]);
        foreach (var file in (string[])["Quickstart.dll", "Quickstart.deps.json", "Quickstart.runtimeconfig.json"])
        {
            File.Copy(Beside(file), Path.Combine(directory, file));
        }
    }

    private static void Print(Rounds rounds)
    {
        var table = new Table("whole process", "median ms", "p90 ms", "of hello");
        foreach (var name in rounds.Names)
        {
            var times = rounds.Times(name).ToArray();
            table.Add(name, Table.Figure(Statistics.Median(times)), Table.Figure(Statistics.Percentile(times, 0.9)),
                Table.Figure(Statistics.Median(rounds.Ratios(name, Hello))));
        }

        Console.WriteLine($"{table}\n");
    }

    private static string Beside(string file) => Path.Combine(AppContext.BaseDirectory, file);

    private static string Sources()
    {
        for (var place = new DirectoryInfo(AppContext.BaseDirectory); place is not null; place = place.Parent)
        {
            if (File.Exists(Path.Combine(place.FullName, "ContainerKit.sln")))
            {
                return place.FullName;
            }
        }

        return Environment.CurrentDirectory;
    }

    private static async Task MustAsync(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true })!;
        var output = await process.StandardOutput.ReadToEndAsync();
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
        {
            throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} failed: {output}");
        }
    }
}
