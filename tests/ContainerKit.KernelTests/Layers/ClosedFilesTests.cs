using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Files and directories of an image that nobody may read, as /etc/shadow of some distributions.</summary>
public sealed class ClosedFilesTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_nobody_may_read_is_checked_committed_forked_and_exported_by_its_owner(bool hasMap)
    {
        await using var fixture = new StoreFixture(hasMap && !Host.IsRoot ? IdMap.Subordinate() : null);
        var image = await fixture.LoadAsync(
            Member.Directory("./", 0), Member.Directory("etc/", 0), Member.File("etc/shadow", "image", 0));
        await using var writable = await fixture.Images.CreateWritableAsync(image, null, Cancelled);
        var upper = fixture[$"writable/{writable.Id}/upper"];
        Assert.Equal(0, (int)File.GetUnixFileMode(upper));
        File.SetUnixFileMode(upper, (UnixFileMode)0x1C0);
        Directory.CreateDirectory($"{upper}/made");
        await File.WriteAllTextAsync($"{upper}/made/file", "content", Cancelled);
        foreach (var path in new[] { "made/file", "made", "" })
        {
            File.SetUnixFileMode(Path.Combine(upper, path), 0);
        }

        Assert.Empty((await fixture.Images.CheckAsync(repair: false, Cancelled)).Faults);
        Assert.Equal(["/made", "/made/file"], (await writable.ListChangesAsync(Cancelled)).Select(change => change.Path));
        Assert.True(writable.ReadUsage().Bytes >= 4096);
        var committed = await fixture.Images.CommitAsync(writable, null, Cancelled);
        await using var fork = await writable.ForkAsync(null, Cancelled);
        string[] expected = ["./ 0", "etc/ 0", "etc/shadow 0 image", "made/ 0", "made/file 0 content"];
        Assert.Equal(expected, await ExportedAsync(stream => writable.ExportAsync(stream, null, Cancelled)));
        Assert.Equal(expected, await ExportedAsync(stream => fork.ExportAsync(stream, null, Cancelled)));
        Assert.Equal(
            expected, await ExportedAsync(stream => fixture.Images.ExportAsync(committed, stream, null, Cancelled)));
        Assert.Empty((await fixture.Images.CheckAsync(repair: false, Cancelled)).Faults);
    }

    private static async Task<List<string>> ExportedAsync(Func<Stream, Task> export)
    {
        var (archive, members) = (new MemoryStream(), new List<string>());
        await export(archive);
        archive.Position = 0;
        using var reader = new System.Formats.Tar.TarReader(archive);
        while (await reader.GetNextEntryAsync(copyData: true, Cancelled) is { } entry)
        {
            var content = entry.DataStream is null ? "" : $" {await new StreamReader(entry.DataStream).ReadToEndAsync()}";
            members.Add($"{entry.Name} {(int)entry.Mode}{content}");
        }

        return members;
    }
}
