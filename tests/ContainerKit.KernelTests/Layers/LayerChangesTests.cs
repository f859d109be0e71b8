using System.Text;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>What a container changed, against the layers below it.</summary>
public class LayerChangesTests : IAsyncDisposable
{
    private readonly ShippedImages _fixture;

    public LayerChangesTests()
        : this(WritableForm.Overlay)
    {
    }

    protected LayerChangesTests(WritableForm form) => _fixture = new(form);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task Each_file_is_told_once_with_how_it_differs()
    {
        Member[] more =
        [
            Member.File("data/mode", "x"), Member.File("data/text", "x"), Member.File("data/opened", "x"),
            Member.File("data/kind", "x"), Member.Directory("gone/"), Member.File("gone/inner", ""),
            Member.Directory("anew/"), Member.File("anew/back", "1"), Member.File("anew/lost", "1"),
            Member.Directory("anew/sub/"), Member.File("anew/sub/deep", ""), Member.Directory("closed/"),
        ];
        Member[] last = [Member.File("data/.wh.old"), Member.File("data/top", "x")];
        await using var writable = await WritableAsync(ShippedImages.Base, more, last);
        Assert.Empty(await writable.ListChangesAsync(Cancelled));

        await ShippedImages.RunAsync(writable, """
            set -e
            cd /data; chmod 600 mode; echo y >text; : >>opened; rm kind; mkdir kind; rm top; echo new >old; mkfifo pipe
            rm -r /gone /anew; mkdir -p /anew/sub; echo 2 >/anew/back; chmod 700 /closed
            mkdir /made; ln -s x /made/link; echo a >/made/file; rm -f /made/never
            """);

        Assert.Equal(
            ["Changed /anew/back", "Removed /anew/lost", "Removed /anew/sub/deep", "Changed /closed",
                "Changed /data/kind", "Changed /data/mode", "Added /data/old", "Added /data/pipe",
                "Changed /data/text", "Removed /data/top", "Removed /gone", "Added /made", "Added /made/file",
                "Added /made/link"],
            await ChangesAsync(writable));
    }

    [Fact]
    public async Task Nothing_says_that_a_file_lies_elsewhere_when_directories_are_renamed()
    {
        await using var writable = await WritableAsync(ShippedImages.Base);
        await ShippedImages.RunAsync(writable, "mv /data /moved; chmod 700 /moved/kept");

        Assert.Equal(
            ["Removed /data", "Added /moved", "Added /moved/kept", "Added /moved/old", "Added /moved/same"],
            await ChangesAsync(writable));
        if (writable.Form == WritableForm.Overlay)
        {
            Assert.DoesNotContain("redirect", Attributes(writable), StringComparison.Ordinal);
            Assert.DoesNotContain("metacopy", Attributes(writable), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Changes_can_be_listed_while_a_container_makes_and_removes_files()
    {
        await using var writable = await WritableAsync(ShippedImages.Base);
        const string script =
            "mkdir /busy; echo; while :; do mkdir -p /busy/a/b; echo x >/busy/a/b/c; rm -r /busy/a; done";
        await using var container = await Container.StartAsync(StoreFixture.Shell(writable, script) with
        { StandardOutput = StandardStream.Pipe }, Cancelled);
        Assert.Equal(1, await container.StandardOutput!.ReadAsync(new byte[1], Cancelled));
        for (var i = 0; i < 200; i++)
        {
            Assert.Contains("Added /busy", await ChangesAsync(writable));
            await using var fork = await writable.ForkAsync(null, Cancelled);
        }
    }

    private async Task<WritableLayer> WritableAsync(params Member[][] layers) =>
        await _fixture.Store.CreateWritableAsync(await _fixture.AddAsync("changes.test/it", layers), null, Cancelled);

    /// <summary>The names of all attributes in a writable layer.</summary>
    private string Attributes(WritableLayer writable) => string.Concat(Directory
        .EnumerateFileSystemEntries(
            _fixture[$"store/writable/{writable.Id}/upper"], "*", SearchOption.AllDirectories)
        .Select(path =>
        {
            using var file = Syscall.Open(path, OpenFlags.O_PATH);
            return Encoding.UTF8.GetString(Syscall.ListAttributes(file));
        }));

    /// <summary>What changed; mount points that a start makes are no concern here.</summary>
    private static async Task<string[]> ChangesAsync(WritableLayer writable) =>
        [.. (await writable.ListChangesAsync(Cancelled))
            .Where(change => change.Path is not ("/dev" or "/proc" or "/sys" or "/tmp" or "/run"))
            .Select(change => $"{change.Kind} {change.Path}")];
}
