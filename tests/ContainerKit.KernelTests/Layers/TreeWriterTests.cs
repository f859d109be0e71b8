using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>What files are like that were unpacked.</summary>
public class TreeWriterTests
{
    private const string Time = "1600000000.123456789";

    [RootFact]
    public async Task As_root_everything_is_kept()
    {
        using var tree = new UnpackedTree();
        byte[] capability = [1, 0, 0, 2, 0, 4, 0, 0, .. new byte[12]]; // cap_net_bind_service
        await tree.UnpackAsync(
            Member.Directory("bin/", 0x3FF).Of(7, 8).With("user.note", [1, 0, 2]),
            Member.File("bin/su", "program", 0x9ED).Of(1000, 1001), // 04755
            Member.File("bin/ping", "program", 0x1ED).Of(1, 2).With("security.capability", capability),
            Member.Link("bin/link", "su").Of(3, 4).With("trusted.note", [5]),
            Member.Fifo("bin/fifo", 0x1B6).Of(5, 6),
            Member.Device("bin/null", 1, 3).Of(0, 5),
            Member.Device("bin/disk", 259, 70_000, TarEntryKind.BlockDevice));

        Assert.Equal($"1777 7 8 {Time}", tree.Stat("%a %u %g %.9Y", "bin"));
        Assert.Equal($"4755 1000 1001 {Time} 7", tree.Stat("%a %u %g %.9Y %s", "bin/su"));
        Assert.Equal($"755 1 2 {Time}", tree.Stat("%a %u %g %.9Y", "bin/ping"));
        Assert.Equal($"symbolic link 3 4 {Time}", tree.Stat("%F %u %g %.9Y", "bin/link"));
        Assert.Equal($"fifo 666 5 6 {Time}", tree.Stat("%F %a %u %g %.9Y", "bin/fifo"));
        Assert.Equal($"character special file 666 0 5 1,3 {Time}", tree.Stat("%F %a %u %g %Hr,%Lr %.9Y", "bin/null"));
        Assert.Equal("block special file 259,70000", tree.Stat("%F %Hr,%Lr", "bin/disk"));
        Assert.Equal(capability, tree.Attribute("bin/ping", "security.capability"));
        Assert.Equal([1, 0, 2], tree.Attribute("bin", "user.note"));
        Assert.Equal([5], tree.Attribute("bin/link", "trusted.note"));
    }

    [Fact]
    public async Task An_ordinary_user_gets_all_but_devices_owners_and_privileges()
    {
        using var tree = new UnpackedTree();
        using var root = tree.Open();
        using var writer = new TreeWriter(root, TreeForm.Plain, new SquashedOwners(), new());
        foreach (var member in new[]
        {
            Member.Directory("closed/", 0x16D).Of(7, 8), // 0555
            Member.File("closed/su", "", 0x9ED).Of(0, 0).With("user.note", [9]),
            Member.Device("closed/null", 1, 3),
            Member.Fifo("closed/fifo"),
            Member.Link("closed/link", "su").Of(9, 9),
        })
        {
            writer.Add(member.Entry);
        }

        await writer.CompleteAsync(TestContext.Current.CancellationToken);

        Assert.Equal(["closed/fifop", "closed/linklsu", "closed/suf", "closedd"], tree.Paths());
        Assert.Equal($"555 {Syscall.EffectiveUser} {Time}", tree.Stat("%a %u %.9Y", "closed"));
        Assert.Equal($"4755 {Syscall.EffectiveUser} {Time}", tree.Stat("%a %u %.9Y", "closed/su"));
        Assert.Equal([9], tree.Attribute("closed/su", "user.note"));
    }

    [Fact]
    public async Task The_umask_of_the_host_takes_nothing_away()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(
            Member.File("all", "", 0x1FF), Member.Directory("sticky/", 0x3FF), Member.Fifo("fifo", 0x1B6));

        Assert.Equal(["777", "1777", "666"],
            new[] { "all", "sticky", "fifo" }.Select(path => tree.Stat("%a", path)));
    }

    [Fact]
    public async Task Hard_links_lead_to_files_whatever_the_order()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(
            Member.HardLink("b/third", "./b/second"), Member.HardLink("/b/second", "/a/first"),
            Member.Link("d/symbolic", "nowhere"), Member.File("a/first", "content"),
            Member.HardLink("c", "a/first"), Member.HardLink("d/same", "d/symbolic"), Member.Fifo("fifo"),
            Member.HardLink("fifo2", "fifo"));

        Assert.Equal("4", tree.Stat("%h", "a/first"));
        Assert.Single(new[] { "a/first", "b/second", "b/third", "c" }.Select(path => tree.Stat("%i", path)).Distinct());
        Assert.Equal("symbolic link 2", tree.Stat("%F %h", "d/same"));
        Assert.Equal("fifo 2", tree.Stat("%F %h", "fifo2"));
        Assert.Equal($"644 {Time}", tree.Stat("%a %.9Y", "a/first"));
    }

    [Fact]
    public async Task Ten_thousand_hard_links_that_each_lead_to_the_next_are_no_burden()
    {
        using var tree = new UnpackedTree();
        var links = Enumerable.Range(0, 10_000).Select(i => Member.HardLink($"{i}", $"{i + 1}"));

        await tree.UnpackAsync([.. links, Member.File("10000", "x")]);

        Assert.Equal("10001", tree.Stat("%h", "0"));
    }

    [Fact]
    public async Task Of_one_name_the_last_member_is_it()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(
            Member.File("file", "first"), Member.File("file", "second"),
            Member.Directory("tree/"), Member.File("tree/inner/file"), Member.File("tree", "now a file"),
            Member.File("grows", "file"), Member.Directory("grows/"), Member.File("grows/file"),
            Member.Directory("stays/", 0x1ED), Member.File("stays/file"), Member.Directory("stays/", 0x1C0),
            Member.HardLink("late", "file"), Member.File("late", "own"),
            Member.HardLink("waits", "later"), Member.File("waits", "own"), Member.File("later", ""),
            Member.Link("link", "file"), Member.File("link", "no link"));

        Assert.Equal("second", await File.ReadAllTextAsync(tree["file"], TestContext.Current.CancellationToken));
        Assert.Equal("now a file", await File.ReadAllTextAsync(tree["tree"], TestContext.Current.CancellationToken));
        Assert.Equal("700", tree.Stat("%a", "stays"));
        Assert.True(File.Exists(tree["stays/file"]) && File.Exists(tree["grows/file"]));
        Assert.Equal(["3", "3", "7"], new[] { "late", "waits", "link" }.Select(path => tree.Stat("%s", path)));
        Assert.Equal("1", tree.Stat("%h", "file"));
    }

    [Fact]
    public async Task Holes_stay_holes()
    {
        using var tree = new UnpackedTree();
        var sparse = Member.File("sparse", "startend");
        sparse.Entry.Size = 1L << 40;
        sparse.Entry.Extents.AddRange(
            [new(0, 5), new(4096, 0), new((1L << 39) + 1, 3), new(1L << 40, 0)]);
        var hole = Member.File("hole");
        hole.Entry.Size = 1 << 20;
        hole.Entry.Extents.Add(new(1 << 20, 0));

        await tree.UnpackAsync(sparse, hole);

        Assert.Equal($"{1L << 40}", tree.Stat("%s", "sparse"));
        Assert.InRange(int.Parse(tree.Stat("%b", "sparse"), null), 1, 1000);
        Assert.Equal("1048576 0", tree.Stat("%s %b", "hole"));
        await using var file = File.OpenRead(tree["sparse"]);
        Assert.Equal([.. "start\0"u8], Read(0));
        Assert.Equal([.. "\0end\0\0"u8], Read(1L << 39));

        byte[] Read(long offset)
        {
            var buffer = new byte[6];
            file.Position = offset;
            file.ReadExactly(buffer);
            return buffer;
        }
    }

    [Fact]
    public async Task Missing_parents_are_made_and_late_ones_get_their_attributes()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Member.File("a/b/c"), Member.Directory("./a//b/.", 0x1C0));

        Assert.Equal("755 0.000000000", tree.Stat("%a %.9Y", "a"));
        Assert.Equal($"700 {Time}", tree.Stat("%a %.9Y", "a/b"));
    }

    [Fact]
    public async Task A_directory_over_an_older_one_replaces_its_attributes_and_keeps_its_files()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Member.Directory("d/", 0x1C0).With("user.old", [1]), Member.File("d/old"));
        await tree.UnpackAsync(Member.Directory("d/", 0x1E8).With("user.new", [2]), Member.File("d/new"));

        Assert.Equal($"750 {Time}", tree.Stat("%a %.9Y", "d"));
        Assert.Null(tree.Attribute("d", "user.old"));
        Assert.Equal([2], tree.Attribute("d", "user.new"));
        Assert.Equal(["d/newf", "d/oldf", "dd"], tree.Paths());
    }

    [Fact]
    public async Task A_directory_that_is_closed_to_its_owner_is_entered_and_closed_again()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Member.Directory("closed/", 0), Member.Directory("named/", 0), Member.File("named/a"));
        await tree.UnpackAsync(Member.Directory("readable/", 0x16D), Member.Directory("./", 0x16D));
        await tree.UnpackAsync(
            Member.File("closed/inner"), Member.Directory("named/", 0x40), Member.File("named/b"),
            Member.File("readable/c"));

        Assert.Equal(["0", "100", "555", "555"],
            new[] { "closed", "named", "readable", "" }.Select(path => tree.Stat("%a", path)));
        File.SetUnixFileMode(tree["closed"], UnixFileMode.UserRead | UnixFileMode.UserExecute);
        Assert.True(File.Exists(tree["closed/inner"]));
    }

    [RootFact]
    public async Task Nothing_is_taken_over_from_a_directory_with_set_group_id_or_a_default_access_list()
    {
        using var tree = new UnpackedTree();
        byte[] list = // u::rwx, u:1:rwx, g::rwx, m::rwx, o::---
        [
            2, 0, 0, 0, 1, 0, 7, 0, 255, 255, 255, 255, 2, 0, 7, 0, 1, 0, 0, 0, 4, 0, 7, 0, 255, 255, 255, 255,
            16, 0, 7, 0, 255, 255, 255, 255, 32, 0, 0, 0, 255, 255, 255, 255,
        ];
        await tree.UnpackAsync(
            Member.Directory("group/", 0x5ED).Of(0, 50), // 02755
            Member.Directory("list/", 0x1FF).With("system.posix_acl_default", list));
        await tree.UnpackAsync(
            Member.File("group/file"), Member.Directory("group/inner/"), Member.File("group/implied/file"),
            Member.Link("group/link", "x"), Member.File("list/file"), Member.Directory("list/inner/"));

        foreach (var path in new[] { "group/file", "group/inner", "group/implied", "group/implied/file", "group/link" })
        {
            Assert.Equal("0", tree.Stat("%g", path));
        }

        Assert.Equal("755 755 644 644",
            string.Join(' ', new[] { "group/inner", "list/inner", "list/file", "group/implied/file" }
                .Select(path => tree.Stat("%a", path))));
        Assert.Null(tree.Attribute("list/file", "system.posix_acl_access"));
        Assert.Null(tree.Attribute("list/inner", "system.posix_acl_default"));
        Assert.Equal(list, tree.Attribute("list", "system.posix_acl_default"));
    }

    [Fact]
    public async Task The_root_gets_the_attributes_of_its_member()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(Member.Directory("./", 0x1C9), Member.File("file"));
        Assert.Equal($"711 {Time}", tree.Stat("%a %.9Y", ""));
    }
}
