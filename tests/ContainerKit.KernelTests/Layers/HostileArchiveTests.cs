using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>
/// Archives that try to lead whoever unpacks them out of the directory, named after those who were led.
/// </summary>
public partial class HostileArchiveTests
{
    [Theory]
    [InlineData("")]
    [InlineData("/")]
    [InlineData(".")]
    [InlineData("/.")]
    [InlineData("./.")]
    [InlineData(".//./")]
    public async Task CVE_2021_29136_the_root_is_made_no_link_and_no_file(string name)
    {
        using var tree = new UnpackedTree();
        await tree.AssertRefusesAsync("Only a directory", Member.Link(name, tree.Outside));
        await tree.AssertRefusesAsync("Only a directory", Member.File(name, "x"));
        await tree.AssertRefusesAsync("Only a directory", Member.HardLink(name, "x"));
        await tree.AssertRefusesAsync("Only a directory", Member.Device(name, 1, 3));
        await tree.AssertRefusesAsync("hard link", Member.HardLink("x", name));
        await tree.UnpackAsync(Member.Directory(name));
        Assert.Empty(tree.Paths());
    }

    [Fact]
    public async Task CVE_2021_32760_attributes_of_what_a_link_leads_to_are_not_changed()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(
            Member.Link("to-file", $"{tree.Outside}/secret"), Member.Link("to-directory", "../outside"),
            Member.HardLink("same", "to-file"));
        foreach (var name in new[] { "to-file", "to-directory", "same" })
        {
            await tree.UnpackAsync(Member.Directory($"{name}/", 0x1FF).Of(1, 1).With("user.x", [1]));
            await tree.UnpackAsync(Member.Link(name, tree.Outside).Of(2, 2), Member.File(name, "mine", 0x1FF).Of(3, 3));
        }

        tree.AssertNothingOutsideChanged();
        Assert.Equal(["samef", "to-directoryf", "to-filef"], tree.Paths());
    }

    [Theory]
    [InlineData("link/secret")]
    [InlineData("link/new")]
    [InlineData("link/inner/file")]
    [InlineData("link/.wh.secret")]
    [InlineData("link/.wh..wh..opq")]
    public async Task CVE_2026_17106_nothing_is_written_through_a_link(string name)
    {
        using var tree = new UnpackedTree();
        foreach (var target in new[] { tree.Outside, "../outside", "/", ".", "file" })
        {
            var refusal = await tree.AssertRefusesAsync(
                "leads through", Member.File("file"), Member.Link("link", target), Member.File(name, "x"));
            Assert.Equal((name, "path", "link"), (refusal.Entry, refusal.Field, refusal.Value));
        }
    }

    [Fact]
    public async Task CVE_2026_17106_nothing_is_linked_through_a_link()
    {
        using var tree = new UnpackedTree();
        foreach (var target in new[] { tree.Outside, "../outside" })
        {
            await tree.AssertRefusesAsync(
                "hard link", Member.Link("link", target), Member.HardLink("stolen", "link/secret"));
        }

        await tree.UnpackAsync(Member.Link("link", $"{tree.Outside}/secret"), Member.HardLink("same", "link"));
        await tree.UnpackAsync(Member.File("same", "written"));
        tree.AssertNothingOutsideChanged();
        Assert.Equal("symbolic link 1", tree.Stat("%F %h", "link"));
    }

    [Fact]
    public async Task CVE_2026_45491_chains_of_links_lead_nowhere()
    {
        using var tree = new UnpackedTree();
        await tree.AssertRefusesAsync(
            "leads through", Member.Directory("a/"), Member.Link("a/b", "."), Member.Link("c", "a/b/.."),
            Member.Link("d", "c/../outside"), Member.File("d/secret", "x"));
        await tree.AssertRefusesAsync(
            "leads through", Member.Link("x", "y"), Member.Link("y", "x"), Member.File("x/file", "x"));
    }

    [Fact]
    public async Task A_directory_that_became_a_link_is_not_written_through()
    {
        using var tree = new UnpackedTree();
        await tree.AssertRefusesAsync(
            "leads through", Member.Directory("d/"), Member.File("d/first"), Member.Link("d", tree.Outside),
            Member.File("d/secret", "x"));
        await tree.UnpackAsync(Member.Directory("e/"), Member.File("e/first"));
        await tree.AssertRefusesAsync("leads through", Member.Link("e", tree.Outside), Member.Directory("e/inner/"));
    }

    [Fact]
    public async Task A_link_of_an_older_layer_gives_way_to_a_directory()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Member.Link("lib", tree.Outside), Member.Link("bin", tree.Outside));
        await tree.UnpackAsync(Member.File("lib/secret", "mine"), Member.Directory("bin/"), Member.File("bin/secret"));

        Assert.Equal(["bin/secretf", "bind", "lib/secretf", "libd"], tree.Paths());
        tree.AssertNothingOutsideChanged();
    }

    [Theory]
    [InlineData("..")]
    [InlineData("../outside/secret")]
    [InlineData("/../outside/secret")]
    [InlineData("a/../../outside/secret")]
    [InlineData("a/..")]
    [InlineData("./../x")]
    public async Task Names_that_lead_up_are_refused(string name)
    {
        using var tree = new UnpackedTree();
        foreach (var member in new[]
        {
            Member.File(name, "x"), Member.Directory(name), Member.Link(name, "x"), Member.HardLink(name, "x"),
            Member.HardLink("x", name),
        })
        {
            var refusal = await tree.AssertRefusesAsync("leads up", member);
            Assert.Equal(name, refusal.Value);
        }

        Assert.Empty(tree.Paths());
    }

    [Fact]
    public async Task CVE_2014_9356_absolute_names_begin_at_the_root_of_the_tree()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(
            Member.File($"{tree.Outside}/secret", "mine"), Member.HardLink("//link", $"{tree.Outside}/secret"));

        tree.AssertNothingOutsideChanged();
        Assert.Equal("4 2", tree.Stat("%s %h", $"{tree.Outside[1..]}/secret"));
    }

    [Fact]
    public async Task Hard_links_lead_to_no_device_no_directory_and_nowhere_else()
    {
        using var tree = new UnpackedTree();
        if (Host.IsRoot)
        {
            await tree.AssertRefusesAsync("device", Member.Device("null", 1, 3), Member.HardLink("link", "null"));
        }

        await tree.AssertRefusesAsync("directory", Member.Directory("d/"), Member.HardLink("link", "d"));
        await tree.AssertRefusesAsync("not in the layer", Member.HardLink("link", "missing"));
        await tree.AssertRefusesAsync("not in the layer", Member.HardLink("link", "missing/file"));
        await tree.AssertRefusesAsync("not in the layer", Member.HardLink("1", "2"), Member.HardLink("2", "1"));
        await tree.AssertRefusesAsync("No hard link", Member.HardLink("self", "./self"));
        await Assert.ThrowsAsync<InvalidImageException>(() => tree.UnpackAsync(
            TreeForm.Overlay, [Member.File(".wh.gone"), Member.HardLink("also-gone", "gone")]));
    }

    [Fact]
    public async Task Names_of_any_bytes_are_kept_apart()
    {
        using var tree = new UnpackedTree();
        string[] names =
            ["\xff\xfe", "caf\xc3\xa9", "cafe\xcc\x81", "CAFE", "cafe", "\u0001\n\t", "a\\..\\b", " ", "..."];

        await tree.UnpackAsync([.. names.Select(name => Member.File(name, name)), Member.File("\xff/\xfe", "in it")]);

        using var root = tree.Open();
        using var reader = new TreeReader(root, TreeForm.Plain, new());
        var found = new List<string>();
        while (reader.Next() is { } entry)
        {
            found.Add(System.Text.Encoding.Latin1.GetString(entry.Path.Span));
        }

        Assert.Equal(["./", .. names.Append("\xff/").Append("\xff/\xfe").Order(StringComparer.Ordinal)],
            found.Order(StringComparer.Ordinal).OrderBy(name => name != "./"));
    }

    [Fact]
    public async Task Names_that_no_file_can_have_are_refused()
    {
        using var tree = new UnpackedTree();
        await tree.AssertRefusesAsync("longer than 255", Member.File(new('x', 256)));
        await tree.AssertRefusesAsync("NUL", Member.File("a\0b"));
        await tree.AssertRefusesAsync("Only a directory", Member.File("file/"));
        await tree.AssertRefusesAsync("Only a directory", Member.Link("link/.", "x"));
        await tree.AssertRefusesAsync("symbolic link", Member.Link("link", ""));
        await tree.AssertRefusesAsync("symbolic link", Member.Link("link", new('x', 4096)));
        await tree.AssertRefusesAsync("attribute", Member.File("file").With("", [1]));
        await tree.AssertRefusesAsync("attribute", Member.File("file").With($"user.{new string('x', 251)}", [1]));
        await tree.UnpackAsync(Member.File(new string('y', 255)));
    }

    [Fact]
    public async Task CVE_2024_40635_the_number_that_means_nobody_is_not_root()
    {
        using var tree = new UnpackedTree();
        Assert.Equal("uid",
            (await tree.AssertRefusesAsync("number", Member.File("file", "", 0x9ED).Of(uint.MaxValue, 0))).Field);
        Assert.Equal("gid", (await tree.AssertRefusesAsync("number", Member.File("file").Of(0, uint.MaxValue))).Field);
    }

    [Fact]
    public async Task Content_is_as_long_as_its_member_says()
    {
        using var tree = new UnpackedTree();
        var (shorter, longer, beyond) = (Member.File("f", "abc"), Member.File("f", "abc"), Member.File("f", "abc"));
        (shorter.Entry.Size, longer.Entry.Size) = (2, 4);
        beyond.Entry.Extents.Add(new(1, 3));
        await tree.AssertRefusesAsync("more content", shorter);
        await tree.AssertRefusesAsync("less content", longer);
        await tree.AssertRefusesAsync("beyond the end", beyond);
    }

    [Fact]
    public async Task Ten_thousand_directories_in_each_other_are_refused_unless_allowed()
    {
        using var tree = new UnpackedTree();
        var name = string.Concat(Enumerable.Repeat("d/", 10_000));
        await tree.AssertRefusesAsync("more than 256 parts", Member.File($"{name}file"));
        Assert.Empty(tree.Paths());

        await tree.UnpackAsync(
            TreeForm.Plain,
            [Member.File($"{name[..4000]}file"), Member.HardLink($"{name[..3000]}link", $"{name[..4000]}file")],
            new() { MaxDepth = 2001 });
    }

    [Fact]
    public async Task More_names_than_may_be_remembered_are_refused()
    {
        using var tree = new UnpackedTree();
        var members = Enumerable.Range(0, 100).Select(i => Member.Directory($"{i}/")).ToArray();
        var refusal = await Assert.ThrowsAsync<InvalidImageException>(
            () => tree.UnpackAsync(TreeForm.Plain, members, new() { MaxRemembered = ByteSize.KiB(4) }));
        Assert.Contains("than may be remembered", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CVE_2025_47290_who_changes_the_tree_meanwhile_leads_nobody_out()
    {
        using var tree = new UnpackedTree();
        var (done, refused, exchanges) = (0, 0, 0L);
        using var root = Linux.Syscall.Open(tree.Root, Linux.OpenFlags.O_RDONLY);
        using var removal = new TreeRemoval(ids: null);
        for (var round = 0; round < 80 || (!IsEnough() && round < 1000); round++)
        {
            // What is unpacked takes the place of a link, so that each round needs others.
            removal.Empty(root);
            Directory.CreateDirectory(tree["real"]);
            Directory.CreateDirectory(tree["a/real"]);
            File.CreateSymbolicLink(tree["trap"], tree.Outside);
            File.CreateSymbolicLink(tree["a/trap"], "../../outside");
            using var racer = new RenameRacer(tree["real"], tree["trap"]);
            using var inner = new RenameRacer(tree["a/real"], tree["a/trap"]);
            try
            {
                await tree.UnpackAsync(
                    Member.File("real/secret", "x", 0x1FF).Of(7, 7), Member.Directory("real/inner/", 0x1FF).Of(7, 7),
                    Member.File("real/inner/file", "x"), Member.File("a/real/secret", "x"), Member.Fifo("a/real/f"),
                    Member.Link("a/real/inner", "x").Of(7, 7), Member.HardLink("a/real/secret2", "real/secret"),
                    Member.File("real/.wh.old"), Member.File("a/real/.wh..wh..opq"));
                done++;
            }
            catch (Exception failure) when (failure is LinuxException or InvalidImageException)
            {
                refused++;
            }

            exchanges += Math.Min(racer.Exchanges, inner.Exchanges);
        }

        tree.AssertNothingOutsideChanged();
        Assert.True(IsEnough(), $"{done} done, {refused} refused, {exchanges} exchanges");

        bool IsEnough() => done > 5 && refused > 5 && exchanges > 1000;
    }

    [Fact]
    public async Task CVE_2021_32760_attributes_of_what_takes_the_place_of_something_new_are_not_changed()
    {
        // What is no file gets its attributes by its name, which may be that of a link to something else by then.
        using var outside = new TempDirectory();
        Tools.Run("mkfifo", "-m", "0600", outside["pipe"]);
        var before = Stat();
        var pipes = Enumerable.Range(0, 200).Select(i => $"pipe{i}").ToArray();
        var refused = false;
        for (var round = 0; !refused && round < 500; round++)
        {
            using var tree = new UnpackedTree();
            Array.ForEach(pipes, pipe => Link(outside["pipe"], tree[$"trap-{pipe}"]));
            using var racer = new RenameRacer([.. pipes.Select(pipe => (tree[pipe], tree[$"trap-{pipe}"]))]);
            try
            {
                await tree.UnpackAsync([.. pipes.Select(pipe => Member.Fifo(pipe, 0x1FF))]);
            }
            catch (LinuxException failure) when (failure.Errno is Errno.ESTALE)
            {
                refused = true;
            }
        }

        Assert.Equal(before, Stat());
        Assert.True(refused, "None ever took another's place.");

        string Stat() => Tools.Run("stat", "--format", "%a %u %g %y", outside["pipe"]);
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string name);
}
