using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>What layers take away from the layers below, and from no other.</summary>
public class WhiteoutTests
{
    private static readonly Member[] Lower =
    [
        Member.File("file"), Member.File("tree/a"), Member.File("tree/inner/b"), Member.File("other/c"),
    ];

    [Fact]
    public async Task What_a_layer_says_is_gone_is_gone_and_leaves_no_mark()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Lower);
        await tree.UnpackAsync(
            Member.File(".wh.file"), Member.File("tree/.wh.inner"), Member.File(".wh.missing"));

        Assert.Equal(["other/cf", "otherd", "tree/af", "treed"], tree.Paths());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_layer_takes_nothing_of_its_own_away_whatever_the_order(bool whiteoutsFirst)
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Lower);
        Member[] whiteouts = [Member.File(".wh.file"), Member.File(".wh.tree"), Member.File("other/.wh..wh..opq")];
        Member[] files = [Member.File("file", "new"), Member.File("tree/inner/new"), Member.File("other/new")];

        await tree.UnpackAsync(whiteoutsFirst ? [.. whiteouts, .. files] : [.. files, .. whiteouts]);

        Assert.Equal(["filef", "other/newf", "otherd", "tree/inner/newf", "tree/innerd", "treed"], tree.Paths());
        Assert.Equal("3", tree.Stat("%s", "file"));
    }

    [Fact]
    public async Task An_opaque_root_leaves_what_the_layer_made()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Lower);

        Assert.True(await tree.UnpackAsync(Member.File("new"), Member.File(".wh..wh..opq"), Member.File("tree/new")));
        Assert.Equal(["newf", "tree/newf", "treed"], tree.Paths());
    }

    [Fact]
    public async Task Hard_links_hold_across_whiteouts()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Member.File("a", "old"), Member.File("kept", "of the layer below"));
        await tree.UnpackAsync(
            Member.HardLink("a", "b"), Member.File(".wh.a"), Member.File("b", "new one"), Member.HardLink("c", "kept"),
            Member.File(".wh.b"), Member.File(".wh.c"));

        Assert.Equal(["7 2", "7 2", "18 2"], new[] { "a", "b", "c" }.Select(path => tree.Stat("%s %h", path)));
    }

    [Fact]
    public async Task For_an_overlay_a_hard_link_to_what_comes_later_is_there_whatever_is_said_to_be_gone()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(
            TreeForm.Overlay,
            [Member.HardLink("first", "second"), Member.File(".wh.first"), Member.HardLink("second", "file"),
                Member.File(".wh.second"), Member.File("file", "content"), Member.File(".wh.file"), Member.File(".wh.gone")]);

        Assert.Equal(["3 7", "3 7", "3 7"], new[] { "first", "second", "file" }.Select(path => tree.Stat("%h %s", path)));
        Assert.Equal(["filef", "firstf", "gonec", "secondf"], tree.Paths());
    }

    [Fact]
    public async Task For_an_overlay_what_is_gone_is_a_device_or_opaque()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(TreeForm.Overlay,
        [
            Member.File(".wh.gone"), Member.File("opaque/.wh..wh..opq"), Member.File("opaque/file"),
            Member.File(".wh.replaced"), Member.File("replaced"), Member.File("own"), Member.File(".wh.own"),
            Member.File(".wh.first"), Member.File("first/file"), Member.File("last/file"), Member.File(".wh.last"),
            Member.File("turned"), Member.Directory("turned/"), Member.Directory("plain/"),
        ]);

        Assert.Equal(
            ["first/filef", "firstd", "gonec", "last/filef", "lastd", "opaque/filef", "opaqued", "ownf", "plaind",
                "replacedf", "turnedd"],
            tree.Paths());
        Assert.Equal("0,0", tree.Stat("%Hr,%Lr", "gone"));
        foreach (var path in new[] { "opaque", "first", "last", "turned" })
        {
            Assert.Equal("y"u8.ToArray(), tree.Attribute(path, "user.overlay.opaque"));
            Assert.Equal(Host.IsRoot ? "y"u8.ToArray() : null, tree.Attribute(path, "trusted.overlay.opaque"));
        }

        Assert.Null(tree.Attribute("plain", "user.overlay.opaque"));
    }

    [Fact]
    public async Task For_an_overlay_a_directory_stays_opaque_whatever_access_list_it_inherits()
    {
        byte[] list = // of acl(5): user::rwx, group::r-x, other::r-x
        [
            2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 4, 0, 5, 0, 255, 255, 255, 255, 32, 0, 5, 0, 255, 255, 255, 255,
        ];
        using var tree = new UnpackedTree();
        using (var root = tree.Open())
        {
            Assert.Null(Linux.Syscall.SetAttribute(root, "system.posix_acl_default\0"u8, list));
        }

        await tree.UnpackAsync(
            TreeForm.Overlay, [Member.Directory("opaque/"), Member.File("opaque/.wh..wh..opq"), Member.File("other/file")]);

        Assert.Equal("y"u8.ToArray(), tree.Attribute("opaque", "user.overlay.opaque"));
        Assert.Null(tree.Attribute("opaque", "system.posix_acl_default"));
        Assert.Null(tree.Attribute("other", "system.posix_acl_default"));
    }

    [Fact]
    public async Task Overlay_attributes_and_0_0_devices_of_an_archive_steer_no_overlay()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(
            TreeForm.Overlay,
            [Member.Directory("d/").With("user.overlay.opaque", [1]).With("user.overlay.redirect", [2]),
                Member.File("f").With("user.overlay.metacopy", [3])]);

        Assert.Null(tree.Attribute("d", "user.overlay.opaque"));
        Assert.Equal([1], tree.Attribute("d", "user.overlay.overlay.opaque"));
        Assert.Equal([2], tree.Attribute("d", "user.overlay.overlay.redirect"));
        Assert.Equal([3], tree.Attribute("f", "user.overlay.overlay.metacopy"));
        var refusal = await tree.AssertRefusesAsync(
            "overlayfs", Member.Directory("e/").With("trusted.overlay.opaque", [1]));
        Assert.Equal(("e/", "xattr", "trusted.overlay.opaque"), (refusal.Entry, refusal.Field, refusal.Value));
        await tree.AssertRefusesAsync("overlayfs", Member.File("e").With("user.overlay.redirect", [1]));
        await tree.AssertRefusesAsync("0:0", Member.Device("e", 0, 0));
    }

    [Theory]
    [InlineData(".wh.")]
    [InlineData(".wh..")]
    [InlineData(".wh...")]
    [InlineData("d/.wh.")]
    [InlineData("d/.wh...")]
    [InlineData("d/.wh..wh.x")]
    public async Task What_takes_nothing_away_is_refused(string path)
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Lower);
        await tree.AssertRefusesAsync("taken away", Member.File(path));
        Assert.Equal(9, tree.Paths().Length + (path.StartsWith('d') ? 1 : 2));
    }

    [Fact]
    public async Task A_whiteout_is_no_directory_and_no_link()
    {
        using var tree = new UnpackedTree();
        await tree.AssertRefusesAsync("no directory", Member.File(".wh.d/file"));
        await tree.AssertRefusesAsync("taken away", Member.Directory(".wh.d/"));
        await tree.AssertRefusesAsync("taken away", Member.Link(".wh.d", tree.Outside));
        await tree.AssertRefusesAsync("hard link", Member.HardLink("l", ".wh.d"));
        await tree.AssertRefusesAsync("hard link", Member.HardLink("l", ".wh.d/x"));
    }

    [Fact]
    public async Task What_AUFS_kept_for_itself_is_left_out()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(
            Member.File(".wh..wh.aufs"), Member.Directory(".wh..wh.plnk/"), Member.File(".wh..wh.plnk/1.2", "x"),
            Member.File("file"));

        Assert.Equal(["filef"], tree.Paths());
    }
}
