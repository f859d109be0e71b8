using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Versus;

/// <summary>What one run took: by the clock, and of the processors.</summary>
internal sealed partial record ImageTurn(double Seconds, double CpuSeconds)
{
    /// <summary>Runs a contender in a new directory, which is removed after the clock has stopped.</summary>
    public static async Task<ImageTurn> RunAsync(
        ImageWorkshop workshop, ImageContender contender, Func<string, Task>? look = null)
    {
        var directory = Directory.CreateDirectory(Path.Combine(workshop.Path, "turn")).FullName;
        try
        {
            GC.Collect();
            var (start, used) = (Stopwatch.GetTimestamp(), Used());
            await contender.RunAsync(directory);
            var turn = new ImageTurn(Stopwatch.GetElapsedTime(start).TotalSeconds, (Used() - used).TotalSeconds);
            await (look?.Invoke(directory) ?? Task.CompletedTask);
            return turn;
        }
        finally
        {
            Unmount(workshop, directory);
            workshop.Must("rm", "-rf", directory);
        }
    }

    /// <summary>What this process and the children that it has waited for have used.</summary>
    public static unsafe TimeSpan Used()
    {
        const int children = -1;
        var usage = stackalloc long[18]; // struct rusage: two times first, in seconds and microseconds
        _ = getrusage(children, usage);
        return Environment.CpuUsage.TotalTime + TimeSpan.FromSeconds(usage[0] + usage[2])
            + TimeSpan.FromMicroseconds(usage[1] + usage[3]);
    }

    private static void Unmount(ImageWorkshop workshop, string directory)
    {
        foreach (var mount in File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' ')[4])
            .Where(path => path.StartsWith(directory, StringComparison.Ordinal)).Reverse().ToList())
        {
            workshop.Must("umount", mount);
        }
    }

    [LibraryImport("libc")]
    private static unsafe partial int getrusage(int who, long* usage);
}
