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
            var options = Shell(other.OpenWritable("kept"), look) with { User = "33" };
            Assert.Equal("new\n644 33 33\n700 33 33\n711 33 42", await Script.OutputAsync(options));
            await other.OpenWritable("kept").DiscardAsync(Token);
        }

        var image = Assert.Single(_fixture.Images.ListImages());
        await _fixture.Images.RemoveAsync(image, Token);
        Assert.Equal(image.Layers, (await _fixture.Images.CollectGarbageAsync(Token)).Layers);
        AssertNothingIsLeft();
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
        await Script.OutputAsync(Python(writable, script));
        await writable.DiscardAsync(Token);

        AssertNothingIsLeft();
    }

    [RootlessFact]
    public async Task What_is_closed_to_the_stores_user_is_read_with_the_numbers_of_the_image()
    {
        await using var writable = await MakeAsync();
        const string script = "import os\nos.chdir('/var/www')\nos.umask(0)\nos.makedirs('closed/in')\n"
            + "f = open('closed/in/file', 'w'); f.write('secret'); f.close()\n"
            + "os.setxattr('closed/in/file', 'user.note', b'n' * 100)\nos.symlink('page', 'closed/link')\n"
            + "os.remove('page')\nos.chmod('closed/in/file', 0)\nos.chmod('closed/in', 0)\nos.chmod('closed', 0)\n"
            + "os.chmod('/', 0o700)\n";
        await Script.OutputAsync(Python(writable, script));
        using var changes = writable.OpenChanges();
        using var tree = new TreeReader(changes.Upper, TreeForm.Overlay, new(), Store.Ids);
        var read = new List<string>();
        while (tree.Next() is { } entry)
        {
            var owners = $"{entry.Name} {Convert.ToString(entry.Mode, 8)} {entry.User} {entry.Group}";
            read.Add(owners + string.Concat(entry.Attributes.Select(attribute => $" {attribute.Value.Length}")));
            if (entry.Size > 0)
            {
                using var content = tree.OpenContent();
                Assert.Equal(6, RandomAccess.GetLength(content));
            }
        }

        Assert.Equal(
            [
                "./ 700 33 42", "var/ 755 0 0", "var/www/ 700 33 33", "var/www/closed/ 0 33 33",
                "var/www/closed/in/ 0 33 33", "var/www/closed/in/file 0 33 33 100",
                "var/www/closed/link 777 33 33", "var/www/.wh.page 0 0 0",
            ],
            read.Where(line => line[0] == '.' || line.StartsWith("var", StringComparison.Ordinal)));
        Assert.True(writable.ReadUsage().Bytes > 0);
    }

    [RootlessFact]
    public async Task Commit_fork_changes_and_export_keep_the_owners_of_what_is_closed_to_the_stores_user()
    {
        var image = await _fixture.LoadAsync([.. Members(), .. More()]);
        await using var writable = await _fixture.Images.CreateWritableAsync(image, null, Token);
        const string script = "cd /var/www; echo secret >made; chmod 600 made; mkdir -m 700 in in/er; echo x >in/er/x; "
            + "touch page; rm -r old; mkdir old; echo new >old/new; touch a; chmod 0 a old; chmod 700 /";
        await Script.OutputAsync(Shell(writable, script) with { User = "33" });
        var changes = (await writable.ListChangesAsync(Token)).Where(
            change => change.Path.StartsWith("/var", StringComparison.Ordinal));
        Assert.Equal(
            [
                "Added /var/www/a", "Added /var/www/in", "Added /var/www/in/er", "Added /var/www/in/er/x",
                "Added /var/www/made", "Changed /var/www/old", "Added /var/www/old/new", "Removed /var/www/old/there",
                "Changed /var/www/page",
            ],
            changes.Select(change => $"{change.Kind} {change.Path}"));

        var committed = await _fixture.Images.CommitAsync(writable, null, Token);
        await using var fork = await writable.ForkAsync(null, Token);
        await using var over = await _fixture.Images.CreateWritableAsync(committed, null, Token);
        const string look = "cd /; stat -c '%n %a %u %g' . var var/www var/www/* mine; cd var/www; cat made in/er/x; "
            + "chmod 700 old; ls old";
        foreach (var copy in new[] { fork, over })
        {
            Assert.Equal(Seen(), await Script.OutputAsync(Shell(copy, look) with { User = "33" }));
        }

        await AssertExportedAsync(stream => writable.ExportAsync(stream, null, Token));
        await AssertExportedAsync(stream => _fixture.Images.ExportAsync(committed, stream, null, Token));
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
        var (mapped, plain) = (_fixture.Path, _fixture["../plain"]);
        foreach (var (path, has) in new[] { (mapped, $"with {Store.IdMap}"), (plain, "without an IdMap") })
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

    private void AssertNothingIsLeft() =>
        Assert.Empty(Directory.GetFileSystemEntries(_fixture["removed"]));

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

    /// <summary>One of the number in the image that the store's user has outside, and a closed directory.</summary>
    private static Member[] More() =>
    [
        Member.File("mine").Of(Syscall.EffectiveUser, Syscall.EffectiveGroup),
        Member.Directory("var/www/old/", 0x1C0).Of(WebUser, WebUser),
        Member.File("var/www/old/there").Of(WebUser, WebUser),
    ];

    private static string Seen() => FormattableString.Invariant(
        $"""
        . 700 33 42
        var 755 0 0
        var/www 700 33 33
        var/www/a 0 33 33
        var/www/in 700 33 33
        var/www/made 600 33 33
        var/www/old 0 33 33
        var/www/page 600 33 33
        mine 644 {Syscall.EffectiveUser} {Syscall.EffectiveGroup}
        secret
        x
        new
        """);

    private static async Task AssertExportedAsync(Func<Stream, Task> export)
    {
        var (archive, members) = (new MemoryStream(), new Dictionary<string, string>());
        await export(archive);
        archive.Position = 0;
        using var reader = new System.Formats.Tar.TarReader(archive);
        while (await reader.GetNextEntryAsync(copyData: true, Token) is { } entry)
        {
            members[entry.Name] = FormattableString.Invariant(
                $"{(int)entry.Mode:x} {entry.Uid} {entry.Gid} {entry.Length}");
        }

        Assert.Equal("180 33 33 7", members["var/www/made"]);
        Assert.Equal("1a4 33 33 4", members["var/www/old/new"]);
        Assert.Equal("0 33 33 0", members["var/www/a"]);
        Assert.Equal("1c0 33 42 0", members["./"]);
        Assert.Equal(
            FormattableString.Invariant($"1a4 {Syscall.EffectiveUser} {Syscall.EffectiveGroup} 0"), members["mine"]);
        Assert.DoesNotContain("var/www/old/there", members.Keys);
    }

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

    private ContainerOptions Python(WritableLayer writable, string script) =>
        Shell(writable, "") with { Command = Script.Python(script).Command, User = "33" };

    private ContainerOptions Shell(WritableLayer writable, string script) =>
        StoreFixture.Shell(writable, script) with { IdMap = Store.IdMap! };
}
