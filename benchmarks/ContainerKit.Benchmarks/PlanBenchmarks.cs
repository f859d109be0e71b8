using System.Runtime.InteropServices;
using BenchmarkDotNet.Attributes;
using ContainerKit.Launch;

namespace ContainerKit.Benchmarks;

/// <summary>What a start costs in managed code, before the launcher has a plan.</summary>
[MemoryDiagnoser]
public class PlanBenchmarks
{
    private readonly ContainerOptions _options = new() { Command = ["/true"], Root = RootFilesystem.Empty };
    private LaunchPlan _plan = null!;

    /// <summary>A plan to encode and to print.</summary>
    [GlobalSetup]
    public void SetUp() => _plan = ContainerPlan.Make(_options);

    /// <summary>The check of all options.</summary>
    [Benchmark]
    public void Validate() => OptionsCheck.Validate(_options);

    /// <summary>All features' steps, over an empty root.</summary>
    [Benchmark]
    public int Make() => Use(ContainerPlan.Make(_options));

    /// <summary>The same over the host's programs, with some thirty binds and five files.</summary>
    [Benchmark]
    public int MakeOverHostSystem() => Use(ContainerPlan.Make(_options with { Root = RootFilesystem.HostSystem }));

    /// <summary>Steps and data as the launcher reads them, with the making of the plan.</summary>
    [Benchmark]
    public int MakeAndEncode()
    {
        using var plan = ContainerPlan.Make(_options);
        plan.Encode(RuntimeInformation.ProcessArchitecture);
        return plan.FirstPart.Length + plan.SecondPart.Length;
    }

    /// <summary>The plan as text.</summary>
    [Benchmark]
    public string Print() => _plan.ToString();

    private static int Use(LaunchPlan plan)
    {
        using (plan)
        {
            return plan.Root.Count;
        }
    }
}
