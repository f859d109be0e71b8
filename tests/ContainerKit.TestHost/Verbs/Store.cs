namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// store DIRECTORY DIGEST [hold]: stages a layer with one file, prints "made" or "found", and with "hold" waits for a
/// line before it publishes it and again before it ends; without a digest it only opens the store. With "writable"
/// it makes a writable layer over a layer, prints its id and waits; with "fill" it fills the file system before it
/// publishes, and prints what it is told and whether the store is whole; with "collect" it collects garbage, and prints
/// why not and what is left of it; with "storm" it makes and removes layers
/// for ever, and prints a line for each thing done.
/// </summary>
internal static class Store
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        await using var store = LayerStore.Open(arguments[0]);
        if (arguments.Length == 1)
        {
            return 0;
        }

        var (what, diffId) = (arguments.ElementAtOrDefault(2), Digest.Parse(arguments[1]));
        if (what == "storm")
        {
            await StormAsync(store, diffId);
        }

        if (what == "fill")
        {
            await FillAsync(store, diffId);
            return 0;
        }

        if (what == "collect")
        {
            await CollectAsync(store);
            return 0;
        }

        if (what == "writable")
        {
            await using var writable = await store.CreateWritableAsync([diffId]);
            await SayAsync(writable.Id, waits: true);
            return 0;
        }

        var holds = what == "hold";
        await using var staged = await store.StageAsync(diffId);
        if (!staged.IsPublished)
        {
            var path = $"/proc/self/fd/{staged.Directory.DangerousGetHandle()}/file";
            await File.WriteAllTextAsync(path, "content");
            await SayAsync("made", holds);
            await staged.PublishAsync(new() { Size = 7, Entries = 1 });
            await SayAsync("published", holds);
        }
        else
        {
            await SayAsync("found", holds);
        }

        return 0;
    }

    private static async Task FillAsync(LayerStore store, Digest diffId)
    {
        try
        {
            await using var staged = await store.StageAsync(diffId);
            Fill($"/proc/self/fd/{staged.Directory.DangerousGetHandle()}/file");
            await staged.PublishAsync(new() { Size = 7, Entries = 1 });
        }
        catch (LinuxException full)
        {
            Console.WriteLine($"{full.Errno} {store.Contains(diffId)} {(await store.CheckAsync()).IsWhole}");
        }
    }

    private static async Task CollectAsync(LayerStore store)
    {
        try
        {
            await store.CollectGarbageAsync([]);
        }
        catch (LinuxException failure)
        {
            var left = Directory.EnumerateFileSystemEntries($"{store.Path}/removed").Select(Path.GetFileName);
            Console.WriteLine($"{failure.Errno} {string.Join(' ', left)}");
        }
    }

    private static void Fill(string path)
    {
        try
        {
            using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
            while (true)
            {
                file.Write(new byte[4096]);
            }
        }
        catch (IOException)
        {
        }
    }

    private static async Task StormAsync(LayerStore store, Digest diffId)
    {
        while (true)
        {
            await using (var staged = await store.StageAsync(diffId))
            {
                Console.WriteLine("staged");
                if (!staged.IsPublished)
                {
                    var path = $"/proc/self/fd/{staged.Directory.DangerousGetHandle()}/directory";
                    File.WriteAllText(Path.Combine(Directory.CreateDirectory(path).FullName, "file"), "content");
                    await staged.PublishAsync(new() { Size = 7, Entries = 1 });
                }

                Console.WriteLine("published");
                await using var temporary = await store.CreateWritableAsync([diffId]);
                Console.WriteLine("temporary");
                var kept = await store.CreateWritableAsync([diffId], new() { Id = $"{Guid.NewGuid():N}" });
                Console.WriteLine("writable");
                await kept.DiscardAsync();
                Console.WriteLine("discarded");
            }

            await store.CollectGarbageAsync([]);
            Console.WriteLine("collected");
        }
    }

    private static async Task SayAsync(string word, bool waits)
    {
        Console.WriteLine(word);
        if (waits)
        {
            await Console.In.ReadLineAsync();
        }
    }
}
