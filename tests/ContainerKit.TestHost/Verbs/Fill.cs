namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// fill DIRECTORY pages|files: starts a detached container in this state directory, on a file system of its own, when
/// that is full, and again with room for a page or a file more, until it starts and is removed; prints of each failure
/// what it was, and what it left.
/// </summary>
internal static class Fill
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        var (directory, ofFiles) = (arguments[0], arguments[1] == "files");
        await using var host = new ContainerHost(new() { StateDirectory = directory });
        Console.WriteLine(await TryAsync(host)); // makes what stays
        var there = Entries(directory);
        for (var room = 0; ; room++)
        {
            Take(directory, ofFiles, room);
            var said = await TryAsync(host);
            foreach (var filler in Directory.GetFiles(directory, "filler-*"))
            {
                File.Delete(filler);
            }

            Console.WriteLine($"{said}; left: {string.Join(' ', Entries(directory).Except(there))}");
            if (said == "done")
            {
                return 0;
            }
        }
    }

    private static async Task<string> TryAsync(ContainerHost host)
    {
        try
        {
            await using var container = await host.StartDetachedAsync("full", State.Sleeper);
            await container.RemoveAsync();
            return "done";
        }
        catch (LinuxException failure)
        {
            return $"{failure.GetType().Name} {failure.Errno} {failure.Message.ReplaceLineEndings(" ")}";
        }
    }

    /// <summary>Takes all there is, but for so many pages or files.</summary>
    private static void Take(string directory, bool files, int room)
    {
        var taken = new Stack<string>();
        try
        {
            while (true)
            {
                var path = Path.Combine(directory, $"filler-{taken.Count}");
                using var file = File.Create(path);
                taken.Push(path);
                if (!files)
                {
                    file.Write(new byte[4096]);
                    file.Flush();
                }
            }
        }
        catch (IOException)
        {
            // It is full; the last may be empty.
        }

        for (var i = files ? 0 : -1; i < room && taken.TryPop(out var path); i++)
        {
            File.Delete(path);
        }
    }

    private static string[] Entries(string directory) =>
        [.. Directory.EnumerateFileSystemEntries(directory, "*", SearchOption.AllDirectories)];
}
