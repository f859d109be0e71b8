using BenchmarkDotNet.Attributes;

namespace ContainerKit.Benchmarks;

/// <summary>Whole starts, through the public API; needs user namespaces.</summary>
[MemoryDiagnoser]
public class StartBenchmarks
{
    private readonly ContainerOptions _options = new()
    {
        Command = ["/bin/true"],
        StandardOutput = StandardStream.Null,
        StandardError = StandardStream.Null,
    };

    /// <summary>From the call to the end of a program that does nothing.</summary>
    [Benchmark]
    public Task<ContainerResult> RunAsync() => Container.RunAsync(_options);

    /// <summary>The same by a start, a wait and a disposal.</summary>
    [Benchmark]
    public async Task<ExitStatus> StartAndWaitAsync()
    {
        await using var container = await Container.StartAsync(_options);
        return await container.WaitAsync();
    }
}
