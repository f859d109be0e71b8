using System.Globalization;

namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// load STORE SOURCE [DIRECTORY]: opens a store, prints "ready", and after a line that it reads loads the image of a
/// source; prints its id and how many layers of it were read, or what refused it, and then whether the store is whole.
/// With a directory it unpacks the source, a root filesystem, to that instead, and prints by how much its resident
/// memory grew at the most, in bytes.
/// </summary>
internal static class Load
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        try
        {
            await using var store = ImageStore.Open(arguments[0], new() { WritesThrough = false });
            Console.WriteLine("ready");
            await Console.In.ReadLineAsync();
            Console.WriteLine(
                arguments.Length == 2 ? await LoadAsync(store, arguments[1]) : await UnpackAsync(arguments[1], arguments[2]));
            Console.WriteLine((await store.CheckAsync()).IsWhole ? "whole" : "damaged");
        }
        catch (LinuxException refusal)
        {
            Console.WriteLine($"{refusal.Errno}, no store");
        }

        return 0;
    }

    private static async Task<string> LoadAsync(ImageStore store, string source)
    {
        var read = new Read();
        try
        {
            var images = await store.LoadAsync(source, progress: read);
            return $"{images[0].Id} {read.Count}";
        }
        catch (LinuxException refusal)
        {
            return $"{refusal.Errno} {store.ListImages().Count}";
        }
    }

    private static async Task<string> UnpackAsync(string source, string directory)
    {
        var before = Resident("VmRSS");
        await ImageUnpacker.UnpackToDirectoryAsync(source, directory, new() { Format = ImageFormat.RootArchive });
        return (Resident("VmHWM") - before).ToString(CultureInfo.InvariantCulture);
    }

    private static long Resident(string field) => 1024 * long.Parse(
        File.ReadLines("/proc/self/status").First(line => line.StartsWith(field, StringComparison.Ordinal))
            .Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)[1],
        CultureInfo.InvariantCulture);

    /// <summary>Counts the layers of which anything was read.</summary>
    private sealed class Read : IProgress<UnpackProgress>
    {
        private int _count;

        public int Count => _count;

        public void Report(UnpackProgress value)
        {
            if (value is { IsDone: true, Bytes: > 0 })
            {
                Interlocked.Increment(ref _count);
            }
        }
    }
}
