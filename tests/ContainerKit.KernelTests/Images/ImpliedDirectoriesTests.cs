using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Directories of which a layer only has what lies in them: they are as the layers below have them.</summary>
public class ImpliedDirectoriesTests : IAsyncDisposable
{
    private static readonly Member[] First =
    [
        Member.Directory("./", 0x1C9).Of(33, 33).With("user.root", [1]), .. ShippedImages.Base[1..7],
        Member.Directory("a/", 0x1C9).Of(5, 6).With("user.a", [1]), Member.Directory("a/b/", 0x5ED).Of(7, 8), // 02755
        Member.File("a/b/old", "old"), Member.Directory("sticky/", 0x3FF), Member.Directory("opaque/", 0x1C9).Of(9, 9),
        Member.File("opaque/old", ""), Member.Directory("said/", 0x1C0).Of(10, 10), Member.Directory("said/in/").Of(1, 1),
        Member.Directory("file-before/", 0x1C0), Member.File("file-before/old", ""),
    ];

    private static readonly Member[] Second =
    [
        Member.File("a/b/file", "2"), Member.File("sticky/file", ""), Member.File("opaque/.wh..wh..opq"),
        Member.File("opaque/in/new", ""), Member.File("said/in/new", ""), Member.Directory("said/", 0x1E9).Of(11, 11),
        Member.File("file-before/new", ""),
    ];

    private static readonly Member[] Third =
    [
        Member.File("a/b/third", "3"), Member.File("a/b/.wh.old"), Member.File("a-b", ""),
        Member.Directory("opaque/in/", 0x1ED).Of(3, 3), Member.File("opaque/in/third", ""), Member.File("said/in/third", ""),
    ];

    private readonly WritableForm _form;
    private readonly ShippedImages _fixture;

    public ImpliedDirectoriesTests()
        : this(WritableForm.Overlay)
    {
    }

    protected ImpliedDirectoriesTests(WritableForm form) => (_form, _fixture) = (form, new(form));

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private ImageStore Store => _fixture.Store;

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [RootFact]
    [Trait(Tools.Needs, Tools.Self)]
    public async Task An_image_shows_what_umoci_unpacks_and_so_does_a_directory()
    {
        // It gives another time to a directory that it empties, or makes one in that nothing is said of.
        Member[][] layers = [.. new[] { First, Second, Third }.Select(layer => Array.FindAll(
            layer, member => !member.Entry.Path.Span.StartsWith("opaque"u8)))];
        var layout = await _fixture.WriteLayoutAsync("it", layers);
        var image = Assert.Single(await Store.LoadAsync(layout, null, null, Cancelled));
        Tools.Run("umoci", "unpack", "--image", $"{layout}:it", _fixture["umoci"]);
        await ImageUnpacker.UnpackToDirectoryAsync(layout, _fixture["unpacked"], null, null, Cancelled);
        await ExtractAsync(stream => Store.ExportAsync(image, stream, null, Cancelled), _fixture["exported"]);

        Assert.Equal(TreePicture.Of(_fixture["umoci/rootfs"]), TreePicture.Of(_fixture["unpacked"]));
        Assert.Equal(TreePicture.Of(_fixture["unpacked"]), TreePicture.Of(_fixture["exported"]));
    }

    [Fact]
    public async Task A_container_sees_what_a_directory_holds_and_changes_only_what_it_changes()
    {
        await using var fixture = new StoreFixture(Host.IsRoot ? null : IdMap.Subordinate(), _form);
        var image = Assert.Single(await fixture.Images.LoadAsync(await LayoutAsync(), null, null, Cancelled));
        await using var writable = await fixture.Images.CreateWritableAsync(image, null, Cancelled);
        const string look = "cd /; stat -c '%n %a %u %g' . a a/b sticky opaque opaque/in said said/in; ls a/b opaque/in";
        const string expected = """
            . 711 33 33
            a 711 5 6
            a/b 2755 7 8
            sticky 1777 0 0
            opaque 711 9 9
            opaque/in 755 3 3
            said 751 11 11
            said/in 755 1 1
            a/b:
            file
            third

            opaque/in:
            new
            third
            """;
        await using (var other = await writable.ForkAsync(null, Cancelled))
        {
            Assert.Equal(expected, await LookAsync(fixture.Store, other, look));
        }

        Assert.Empty(await writable.ListChangesAsync(Cancelled));
        Assert.Equal(expected, await LookAsync(fixture.Store, writable, look));
        Assert.Equal(expected, await LookAsync(fixture.Store, writable, look, areNamedEach: false));
        await LookAsync(fixture.Store, writable, "touch /sticky/made");
        Assert.Equal(
            ["/sticky/made"], (await writable.ListChangesAsync(Cancelled)).Select(change => change.Path)
                .Where(path => path.StartsWith("/sticky", StringComparison.Ordinal)));
        var committed = await fixture.Images.CommitAsync(writable, null, Cancelled);
        await using var over = await fixture.Images.CreateWritableAsync(committed, null, Cancelled);
        Assert.Equal(expected, await LookAsync(fixture.Store, over, look));
        Assert.Empty((await fixture.Images.CheckAsync(false, Cancelled)).Faults);
    }

    [Fact]
    public async Task Users_are_looked_up_below_directories_that_are_laid_over_layers()
    {
        var image = await _fixture.AddAsync(
            "it", [.. ShippedImages.Base, Member.Directory("etc/", 0x1C9)], [Member.File("etc/passwd", "app:x:0:0::/:\n")]);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);

        Assert.Equal("0\n711", await Script.OutputAsync(
            StoreFixture.Shell(writable, "id -u; stat -c %a /etc") with { User = "app" }));
        Assert.Equal(
            _form == WritableForm.Overlay, Directory.Exists(_fixture[$"store/writable/{writable.Id}/laid/etc"]));
    }

    [Fact]
    public async Task Nothing_is_laid_over_layers_that_show_what_they_say()
    {
        var image = await _fixture.AddAsync(
            "it", ShippedImages.Base, [Member.Directory("etc/"), Member.File("etc/file", ""), Member.File("new/in/file", "")]);
        await using var writable = await Store.CreateWritableAsync(image, null, Cancelled);

        Assert.False(Directory.Exists(_fixture[$"store/writable/{writable.Id}/laid"]));
    }

    [Fact]
    public async Task What_is_written_down_of_them_is_missed_and_made_anew()
    {
        var layout = await _fixture.WriteLayoutAsync("it", First, Second);
        var image = Assert.Single(await Store.LoadAsync(layout, null, null, Cancelled));
        File.Delete(_fixture[$"store/layers/sha256/{image.Layers[1].Hex}/implied"]);

        await Assert.ThrowsAsync<InvalidImageException>(() => Store.CreateWritableAsync(image, null, Cancelled));
        Assert.Contains(
            "implied is missing", Assert.Single((await Store.Layers.CheckAsync(false, Cancelled)).Faults).Problem,
            StringComparison.Ordinal);
        await Store.LoadAsync(layout, null, null, Cancelled);
        await (await Store.CreateWritableAsync(image, null, Cancelled)).DisposeAsync();
    }

    private Task<string> LayoutAsync() => _fixture.WriteLayoutAsync("it", First, Second, Third);

    private static Task<string> LookAsync(
        LayerStore store, WritableLayer writable, string script, bool areNamedEach = true)
    {
        var root = (LayersRoot)writable.Root;
        var options = StoreFixture.Shell(writable, script) with
        {
            Root = root with { AreNamedEach = root.AreNamedEach && areNamedEach },
        };
        return Script.OutputAsync(store.IdMap is { } map
            ? options with { IdMap = map }
            : options with { IdMap = IdMap.Identity, MaxProcesses = null, User = $"{Syscall.EffectiveUser}" });
    }

    private static async Task ExtractAsync(Func<Stream, Task> export, string directory)
    {
        await using (var archive = File.Create($"{directory}.tar"))
        {
            await export(archive);
        }

        Directory.CreateDirectory(directory);
        Tools.Run("tar", "--extract", "--preserve-permissions", "--numeric-owner", "--xattrs", "--xattrs-include=*",
            "--file", $"{directory}.tar", "--directory", directory);
    }
}
