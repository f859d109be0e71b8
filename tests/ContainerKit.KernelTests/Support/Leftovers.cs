using System.Diagnostics;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>
/// What containers could leave behind: processes below this one, launchers that nobody waits for, this one's
/// descriptors, mounts, cgroups, and what lies in its temp directory and beside the locks in the state directory. Tests
/// run one after another, so what came between two snapshots came from the test between them.
/// </summary>
internal sealed class Leftovers
{
    private static readonly Lazy<Task> FirstUse = new(async () =>
    {
        using var process = Process.Start(new ProcessStartInfo("true") { RedirectStandardOutput = true })!;
        using var output = process.StandardOutput;
        await output.ReadToEndAsync();
        await process.WaitForExitAsync();
    });

    private readonly HashSet<string> _there;

    private Leftovers(HashSet<string> there) => _there = there;

    /// <summary>
    /// What is there now, once all that the first container and the first process open for good is open.
    /// </summary>
    public static async Task<Leftovers> Before()
    {
        await FirstUse.Value;
        await Container.RunAsync(new() { Command = ["true"], MinimumIsolation = NestedHosts.Least });
        return new(Now());
    }

    /// <summary>Fails, and says what, when something is there that was not before.</summary>
    public Task AssertNone(double seconds = 5) =>
        Eventually.Holds(() => New().Count == 0, () => $"Left behind:\n{string.Join('\n', New())}", seconds);

    private List<string> New() => [.. Now().Except(_there).Order(StringComparer.Ordinal)];

    private static HashSet<string> Now()
    {
        LauncherKit.Take(Launcher.Memory).Dispose(); // the next start's, which stays open between starts
        RestrictedStart.TakeDirectory().Dispose();
        var own = $"/proc/{Environment.ProcessId}";
        var now = new HashSet<string>();
        foreach (var (number, target) in ProcessTree.Find(Environment.ProcessId)!.Value.Descriptors())
        {
            if (!target.StartsWith($"{own}/", StringComparison.Ordinal)
                && !target.EndsWith(".dll", StringComparison.Ordinal)
                && !target.EndsWith(".pdb", StringComparison.Ordinal)) // which a first stack trace opens
            {
                now.Add($"descriptor {number}: {target}");
            }
        }

        foreach (var process in ProcessTree.Below(Environment.ProcessId).Concat(Orphans()))
        {
            now.Add($"process: {process.Id} {process.Name}, child of {process.Parent}");
        }

        now.UnionWith(File.ReadLines("/proc/self/mountinfo").Select(line => $"mount: {line}"));
        now.UnionWith(Directory.EnumerateFileSystemEntries(Path.GetTempPath()).Select(path => $"file: {path}"));
        now.UnionWith(State().Select(name => $"state: {name}"));
        now.UnionWith(Cgroups().Select(path => $"cgroup: {path}"));
        return now;
    }

    /// <summary>
    /// The launchers whose parent ended: they became children of one above this process. Their names are all that a
    /// process which is not dumpable shows its user.
    /// </summary>
    private static List<ProcessEntry> Orphans()
    {
        var above = new HashSet<int>();
        for (var id = Environment.ProcessId; ProcessTree.Find(id) is { } process && above.Add(process.Parent);)
        {
            id = process.Parent;
        }

        return ProcessTree.All().FindAll(process =>
            above.Contains(process.Parent) && process.Command == "containerkit\0");
    }

    /// <summary>What is in the library's own directory, but for the locks, which stay.</summary>
    private static List<string> State()
    {
        using var directory = StateDirectory.Open(null);
        return [.. Directory.EnumerateFileSystemEntries(Syscall.PathOf(directory))
            .Select(path => Path.GetFileName(path))
            .Where(name => !name.StartsWith("ids-", StringComparison.Ordinal))];
    }

    /// <summary>The cgroups with our name, wherever: the machine's others come and go.</summary>
    private static IEnumerable<string> Cgroups()
    {
        var everywhere = new EnumerationOptions { RecurseSubdirectories = true, IgnoreInaccessible = true };
        return Directory.Exists("/sys/fs/cgroup")
            ? Directory.EnumerateDirectories("/sys/fs/cgroup", "*containerkit*", everywhere)
            : [];
    }
}
