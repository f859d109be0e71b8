using System.Globalization;
using System.Runtime.InteropServices;
using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// starve descriptors|mounts|processes|sending|making|writing|mapping|nothing: starts a container when this process has
/// run out of something (of memory, when a plan is sent, a launcher made or written, or the plan mapped by it), gives it
/// back, and prints, after a line to begin with, what came of it, and what was left: descriptors, children. All of it on
/// the main thread: one that has a filter hands it down to those it makes, and the pool's may be among them.
/// </summary>
internal static class Starve
{
    private const int RLIMIT_NPROC = 6, RLIMIT_NOFILE = 7;

    public static Task<int> StartAsync(string[] arguments)
    {
        var options = new ContainerOptions { Command = ["true"] };
        if (arguments[0] == "nothing")
        {
            Console.WriteLine($"ready\n{Try(options)}");
            return Task.FromResult(0);
        }

        if (arguments[0] == "mounts")
        {
            options = options with
            { Mounts = [.. Enumerable.Range(0, 24).Select(i => new BindMount("/usr/bin", $"/tmp/{i}"))] };
        }

        // .NET itself ends when it can open no library: a start that succeeds, one that fails and a line printed load
        // them.
        Func<ContainerOptions, List<string>> starve = arguments[0] switch
        {
            "processes" => OfProcesses,
            "sending" => options => OfMemory(options, CallFilter.Of("sendmsg")),
            "making" => options => OfMemory(options, CallFilter.MemfdCreate),
            "writing" => options => OfMemory(options, CallFilter.Write),
            "mapping" => options => OfMemory(options, CallFilter.MapPlan),
            _ => OfDescriptors,
        };
        Try(options);
        Try(options with { Root = RootFilesystem.Directory("/no/such") });
        Console.WriteLine("ready");
        starve(options);
        Try(options);
        var before = Descriptors();
        starve(options).ForEach(Console.WriteLine);
        Console.WriteLine(Try(options));
        Console.WriteLine($"left: {Left(before)}");
        return Task.FromResult(0);
    }

    /// <summary>What this process has now and had not before: descriptors, and children at all.</summary>
    internal static string Left(int[] before)
    {
        var left = Descriptors().Except(before).Select(number => new FileInfo($"/proc/self/fd/{number}").LinkTarget)
            .Where(target => target != "/dev/urandom"); // which the runtime opens for good, sooner or later
        return $"{string.Join(' ', left)}{Children()}";
    }

    private static List<string> OfProcesses(ContainerOptions options)
    {
        using var limited = new Limited(RLIMIT_NPROC, 1);
        return [Try(options)];
    }

    /// <summary>On a thread of its own, which keeps the filter, as the launcher does that it starts.</summary>
    internal static List<string> OfMemory(ContainerOptions options, CallFilter refused)
    {
        List<string> said = [];
        var thread = new Thread(() =>
        {
            CloseKit();
            refused.Apply();
            said.Add(Try(options));
        });
        thread.Start();
        thread.Join();
        return said;
    }

    /// <summary>
    /// With no descriptor left, here and for the launcher, then one, and so on, until that is enough.
    /// </summary>
    private static List<string> OfDescriptors(ContainerOptions options)
    {
        var (said, most) = (new List<string>(), Descriptors().Max() + 1);
        for (var left = 0; said.Count == 0 || said[^1].Contains("EMFILE", StringComparison.Ordinal); left++)
        {
            CloseKit();
            var taken = new Stack<SafeFileHandle>();
            using var limited = new Limited(RLIMIT_NOFILE, (ulong)(most + left));
            try
            {
                while (true)
                {
                    taken.Push(File.OpenHandle("/dev/null"));
                }
            }
            catch (IOException)
            {
                // None is left.
            }

            for (var i = 0; i < left && taken.TryPop(out var handle); i++) // what ended just before may still hold some
            {
                handle.Dispose();
            }

            said.Add(Try(options));
            foreach (var rest in taken)
            {
                rest.Dispose();
            }
        }

        return said;
    }

    internal static string Try(ContainerOptions options)
    {
        try
        {
            return Container.RunAsync(options).GetAwaiter().GetResult().ExitStatus.ToString();
        }
        catch (LinuxException failure)
        {
            return $"{failure.GetType().Name} {failure.Call} {failure.Errno} {failure.Message}";
        }
    }

    internal static int[] Descriptors()
    {
        CloseKit();
        return [.. Directory.GetFiles("/proc/self/fd")
            .Where(path => Path.Exists(path) || new FileInfo(path).LinkTarget is not null)
            .Select(path => int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture))];
    }

    /// <summary>Closes what was made for the next start, so that this one makes its own.</summary>
    private static void CloseKit() => LauncherKit.Take(Launcher.Memory).Dispose();

    private static string Children() =>
        string.Concat(Directory.GetDirectories("/proc/self/task").Select(task => File.ReadAllText($"{task}/children")));

    private static void Check(int result)
    {
        if (result < 0)
        {
            throw new InvalidOperationException($"prlimit: {Marshal.GetLastPInvokeErrorMessage()}");
        }
    }

    [DllImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static extern int SetLimit(int process, int resource, ulong[] limit, nint none);

    [DllImport("libc", EntryPoint = "prlimit", SetLastError = true)]
    private static extern int GetLimit(int process, int resource, nint none, [Out] ulong[] limit);

    /// <summary>Lowers a limit of this process until it is disposed.</summary>
    private sealed class Limited : IDisposable
    {
        private readonly ulong[] _before = new ulong[2];
        private readonly int _resource;

        public Limited(int resource, ulong limit)
        {
            _resource = resource;
            Check(GetLimit(0, resource, 0, _before));
            Check(SetLimit(0, resource, [limit, _before[1]], 0));
        }

        public void Dispose() => Check(SetLimit(0, _resource, _before, 0));
    }
}
