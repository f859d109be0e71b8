using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Stores of a user that is not root, whose files belong to ids that only its containers have.</summary>
public sealed class RootlessStoreTests : IAsyncDisposable
{
    private const uint WebUser = 33, ShadowGroup = 42;

    private readonly StoreFixture _fixture = new(Host.IsRoot ? null : IdMap.Subordinate());

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private LayerStore Store => _fixture.Store;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [RootlessFact]
    public async Task A_container_sees_every_file_with_the_owners_of_the_image()
    {
        await using var writable = await MakeAsync();
        const string script = "cd /; stat -c '%n %a %u %g' . etc/passwd etc/shadow var/www var/www/page opt/su opt/web";
        var output = await Script.OutputAsync(Shell(writable, script) with { User = "33" });

        Assert.Equal(
            """
            . 755 33 42
            etc/passwd 644 0 0
            etc/shadow 640 0 42
            var/www 700 33 33
            var/www/page 600 33 33
            opt/su 4755 0 0
            opt/web 6755 33 42
            """,
            output);
    }

    [RootlessFact]
    public async Task A_program_is_any_user_of_the_image_with_its_closed_directory()
    {
        await using var writable = await MakeAsync();
        const string script = "id -u; cat /var/www/page; echo more >/var/www/made; cat /etc/shadow 2>&1 | tail -c 18";

        Assert.Equal(
            "33\nhello\nPermission denied", await Script.OutputAsync(Shell(writable, script) with { User = "33" }));
        Assert.Equal("33", await Script.OutputAsync(Shell(writable, "id -u") with { User = "www-data" }));
        Assert.Equal("0", await Script.OutputAsync(Shell(writable, "id -u; ls /var/www || true")));
    }

    [RootlessFact]
    public async Task Changes_of_all_owners_survive_and_are_removed_to_the_last()
    {
        await using (await MakeAsync("kept"))
        {
        }

        const string script = "cd /var/www; echo new >page; mkdir -p a/b/c d; touch a/b/c/file d/file; chmod 0 a/b d; "
            + "mkdir a/z; touch a/z/file; chmod 500 a/z; chmod 0 a; chmod 711 /";
        await Script.OutputAsync(Shell(Store.OpenWritable("kept"), script) with { User = "33" });
        await using (var other = LayerStore.Open(_fixture.Path))
        {
            const string look = "cd /var/www; cat page; chmod 700 a; stat -c '%a %u %g' a/z/file . /";
            Assert.Equal($"{Store.IdMap}", $"{other.IdMap}");
            Assert.Equal("new\n644 33 33\n700 33 33\n711 33 42", await Script.OutputAsync(Shell(
                other.OpenWritable("kept"), look) with
            { User = "33" }));
            await other.OpenWritable("kept").DiscardAsync(Token);
        }

        var image = Assert.Single(_fixture.Images.ListImages());
        await _fixture.Images.RemoveAsync(image, Token);
        Assert.Equal(image.Layers, (await _fixture.Images.CollectGarbageAsync(Token)).Layers);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["removed"]).Select(Path.GetFileName).Except([".lock"]));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["writable"]));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["layers/sha256"]));
    }

    [RootlessFact]
    public async Task Directories_of_others_are_removed_at_any_depth_and_number()
    {
        await using var writable = await MakeAsync("deep");
        const string script = "import os\nos.chdir('/var/www')\n"
            + "for i in range(5000):\n os.makedirs(f'{i}/in'); os.chmod(f'{i}', 0)\n"
            + "for i in range(300):\n os.mkdir('n' * 200, 0o700)\n os.chdir('n' * 200)\n";
        await Script.OutputAsync(Script.Python(script) with
        {
            Root = writable.Root,
            Mounts = [new BindMount("/usr", "/usr")],
            IdMap = Store.IdMap!,
            User = "33",
        });
        await writable.DiscardAsync(Token);

        Assert.Equal(".lock", Path.GetFileName(Assert.Single(Directory.GetFileSystemEntries(_fixture["removed"]))));
    }

    [RootlessFact]
    public async Task A_container_with_other_ids_is_refused_and_told_which()
    {
        await using var writable = await MakeAsync();
        foreach (var map in new[] { IdMap.SingleId, IdMap.Identity, IdMap.Automatic(), TestIds.Map })
        {
            var refusal = await Refusal.OfOptionsAsync(Shell(writable, "true") with { IdMap = map });
            Assert.Contains("set IdMap to that of its LayerStore", refusal.Message, StringComparison.Ordinal);
        }
    }

    [RootlessFact]
    public async Task A_store_keeps_its_map_and_refuses_another_by_naming_it()
    {
        foreach (var (path, has) in new[] { (_fixture.Path, $"with {Store.IdMap}"), (_fixture["../plain"], "without an IdMap") })
        {
            await LayerStore.Open(path).DisposeAsync();
            var refusal = Assert.Throws<ArgumentException>(
                () => LayerStore.Open(path, new() { IdMap = Own(new IdRange(1, TestIds.User, 50)) }));
            Assert.Contains($"was made {has}, not", refusal.Message, StringComparison.Ordinal);
        }

        await File.WriteAllTextAsync(_fixture["ids"], "0 1 1\n", Token);
        Assert.Equal("ids", Assert.Throws<InvalidImageException>(() => LayerStore.Open(_fixture.Path)).Entry);
    }

    [RootlessFact]
    public void A_map_that_files_cannot_have_is_refused_before_anything_is_made()
    {
        foreach (var map in new[] { IdMap.SingleId, IdMap.Automatic(), IdMap.Identity, TestIds.Map })
        {
            Assert.Throws<ArgumentException>(() => LayerStore.Open(_fixture["../new"], new() { IdMap = map }));
        }

        Assert.False(Directory.Exists(_fixture["../new"]));
    }

    [RootlessFact]
    public async Task An_image_with_more_owners_than_the_map_is_refused_by_the_files_name_and_leaves_nothing()
    {
        var refusal = await Assert.ThrowsAsync<InvalidImageException>(() => _fixture.LoadAsync(
            Member.Directory("in/").Of(33, 33), Member.File("in/file").Of(70_000, 0)));

        Assert.Equal(("in/file", "uid", "70000"), (refusal.Entry, refusal.Field, refusal.Value));
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["staging"]));
    }

    [RootlessFact]
    public async Task A_root_filesystem_is_unpacked_with_the_owners_of_a_map()
    {
        using var temp = new TempDirectory();
        await StoreFixture.WriteArchiveAsync(temp["image.tar"], Members());
        var options = new UnpackOptions { Format = ImageFormat.RootArchive, IdMap = IdMap.Subordinate() };
        await ImageUnpacker.UnpackToDirectoryAsync(temp["image.tar"], temp["root"], options, null, Token);
        var ids = (RangesIdMap)options.IdMap;
        Assert.Equal(
            $"{ids.Users.Outside(33)} {ids.Groups.Outside(33)} 700",
            Tools.Run("stat", "--format", "%u %g %a", temp["root/var/www"]).Trim());

        using var mapped = new MappedIds(ids, Launcher.Memory);
        using var removal = new TreeRemoval(mapped);
        using var parent = Syscall.Open(temp.Path, OpenFlags.O_RDONLY);
        removal.Remove(parent, "root\0"u8.ToArray());
    }

    /// <summary>A map of this user as root, and more.</summary>
    private static IdMap Own(IdRange more) => IdMap.Ranges(
        [new(0, Syscall.EffectiveUser, 1), more],
        [new(0, Syscall.EffectiveGroup, 1), more with { Outside = TestIds.Group }]);

    private static Member[] Members() =>
    [
        Member.Directory("./").Of(WebUser, ShadowGroup),
        Member.Directory("usr/"), Member.Directory("etc/"), Member.Directory("var/"), Member.Directory("opt/"),
        Member.Directory("tmp/", 0x3FF), // 01777
        .. new[] { "bin", "sbin", "lib", "lib64" }.Select(name => Member.Link(name, $"usr/{name}")),
        Member.File("etc/passwd", "root:x:0:0::/:\nwww-data:x:33:33::/var/www:\n"),
        Member.File("etc/group", "root:x:0:\nwww-data:x:33:\nshadow:x:42:\n"),
        Member.File("etc/shadow", "root:*:\n", 0x1A0).Of(0, ShadowGroup), // 0640
        Member.Directory("var/www/", 0x1C0).Of(WebUser, WebUser), // 0700
        Member.File("var/www/page", "hello\n", 0x180).Of(WebUser, WebUser), // 0600
        Member.File("opt/su", "#!", 0x9ED), // 04755
        Program("opt/web", "/usr/bin/id", 0xDED).Of(WebUser, ShadowGroup), // 06755
    ];

    private static Member Program(string name, string path, uint mode)
    {
        var content = File.ReadAllBytes(path);
        var member = Member.File(name, "", mode);
        member.Entry.Size = content.Length;
        return member with { Content = content };
    }

    private async Task<WritableLayer> MakeAsync(string? id = null)
    {
        var image = await _fixture.LoadAsync(Members());
        return await Store.CreateWritableAsync(image.Layers, id is null ? null : new() { Id = id }, Token);
    }

    private ContainerOptions Shell(WritableLayer writable, string script) =>
        StoreFixture.Shell(writable, script) with { IdMap = Store.IdMap! };
}
