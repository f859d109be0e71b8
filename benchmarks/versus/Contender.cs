namespace Versus;

/// <summary>One of those whose start is timed: a name, and what it does from start to exit.</summary>
internal sealed record Contender(string Name, Func<ValueTask> RunAsync)
{
    /// <summary>A process of the host. It must end well, so that a failure is never taken for speed.</summary>
    public static Contender Process(string name, IReadOnlyList<string> command)
    {
        var spawned = new Spawned(command);
        return new(name, () =>
        {
            var code = spawned.Run();
            return code == 0 ? default : throw new InvalidOperationException($"{name}: exit code {code}");
        });
    }
}
