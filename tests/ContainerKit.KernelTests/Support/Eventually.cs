using System.Diagnostics;

namespace ContainerKit.KernelTests;

/// <summary>Waits for what another process does and tells nobody.</summary>
internal static class Eventually
{
    /// <summary>
    /// Looks until something holds, and fails with <paramref name="complaint"/> when it does not in time.
    /// </summary>
    public static async Task Holds(Func<bool> condition, Func<string> complaint, double seconds = 20)
    {
        var (start, limit) = (Stopwatch.GetTimestamp(), TimeFactor.Seconds(seconds));
        while (!condition())
        {
            Assert.True(Stopwatch.GetElapsedTime(start) < limit, complaint());
            await Task.Delay(2);
        }
    }

    /// <inheritdoc cref="Holds(Func{bool}, Func{string}, double)"/>
    public static Task Holds(Func<bool> condition, string complaint, double seconds = 20) =>
        Holds(condition, () => complaint, seconds);

    /// <summary>Waits for a task, and fails when it does not end in time.</summary>
    public static Task<T> Ends<T>(Task<T> task, double seconds = 30) => task.WaitAsync(TimeFactor.Seconds(seconds));

    /// <inheritdoc cref="Ends{T}(Task{T}, double)"/>
    public static Task Ends(Task task, double seconds = 30) => task.WaitAsync(TimeFactor.Seconds(seconds));

    /// <summary>Waits until a process is gone, or is nothing but a remainder to be reaped.</summary>
    public static Task Gone(int process) =>
        Holds(() => !ProcessTree.IsAlive(process), () => $"{ProcessTree.Find(process)} should be gone.");
}
