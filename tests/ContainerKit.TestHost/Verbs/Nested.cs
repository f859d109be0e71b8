namespace ContainerKit.TestHost.Verbs;

/// <summary>
/// nested DIRECTORY: makes a store there, of one layer, and a writable layer over it; prints its form, what a container
/// on it says, what one on a fork says and changed, what one on a commit says and one on a commit that took something
/// away, the names in that, and whether the store is whole.
/// </summary>
internal static class Nested
{
    public static async Task<int> StartAsync(string[] arguments)
    {
        await using var store = ImageStore.Open(arguments[0]);
        var archive = $"{arguments[0]}.tar";
        await WriteAsync(archive);
        var image = (await store.LoadAsync(archive, new() { Format = ImageFormat.RootArchive }))[0];
        await using var writable = await store.CreateWritableAsync(image);
        Console.WriteLine(writable.Form);
        Console.WriteLine(await RunAsync(image, writable, "id -u; stat -c %u:%g /web; echo 1 >/made"));
        await using var fork = await writable.ForkAsync();
        Console.WriteLine(await RunAsync(image, fork, "stat -c %u /made; rm /gone"));
        Console.WriteLine(string.Join(' ', (await fork.ListChangesAsync()).Where(IsTold)));
        var committed = await store.CommitAsync(writable, new());
        await using var again = await store.CreateWritableAsync(committed);
        Console.WriteLine(await RunAsync(image, again, "stat -c %u /made"));
        await ShowWhatIsGoneAsync(store, image, fork);
        Console.WriteLine((await store.CheckAsync()).IsWhole ? "whole" : "damaged");
        return 0;
    }

    private static async Task ShowWhatIsGoneAsync(ImageStore store, Image image, WritableLayer fork)
    {
        await RunAsync(image, fork, "rm /made /in/gone");
        var committed = await store.CommitAsync(fork, new());
        await using var again = await store.CreateWritableAsync(committed);
        Console.WriteLine(await RunAsync(
            image, again, "test -e /gone || printf 'none of that'; test -e /in/gone || printf ', none of both'"));
        using var archive = new MemoryStream();
        await store.ExportAsync(committed, archive);
        archive.Position = 0;
        await using var reader = new System.Formats.Tar.TarReader(archive);
        var names = new List<string>();
        while (await reader.GetNextEntryAsync() is { } entry)
        {
            names.Add(entry.Name.Trim('.', '/'));
        }

        Console.WriteLine(string.Join(',', names.Where(name => name.StartsWith("in", StringComparison.Ordinal) || name == "gone")));
    }

    private static bool IsTold(LayerChange change) => change.Path is "/made" or "/gone" or "/web" or "/usr" or "/etc";

    private static async Task WriteAsync(string path)
    {
        await using var archive = new System.Formats.Tar.TarWriter(File.Create(path));
        foreach (var name in (string[])["usr", "etc"])
        {
            await archive.WriteEntryAsync(
                new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.Directory, name)
                { Mode = (UnixFileMode)0x1ED }); // 0755
        }

        foreach (var name in (string[])["bin", "lib", "lib64"])
        {
            await archive.WriteEntryAsync(
                new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.SymbolicLink, name)
                { LinkName = $"usr/{name}" });
        }

        foreach (var (name, owner) in (ReadOnlySpan<(string, int)>)[("web", 33), ("gone", 0), ("in/gone", 0), ("in/kept", 0)])
        {
            archive.WriteEntry(new System.Formats.Tar.PaxTarEntry(System.Formats.Tar.TarEntryType.RegularFile, name)
            { Uid = owner, Gid = owner });
        }
    }

    private static async Task<string> RunAsync(Image image, WritableLayer writable, string script)
    {
        var result = await Container.RunAsync(image.CreateOptions(writable.Root, "/bin/sh", "-c", script) with
        {
            Mounts = [new BindMount("/usr", "/usr")],
        });
        return $"{result.ExitStatus} {result.StandardOutput.Trim().ReplaceLineEndings(" ")}{result.StandardError}";
    }
}
