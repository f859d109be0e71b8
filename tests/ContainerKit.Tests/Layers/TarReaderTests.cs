using static ContainerKit.Tests.Layers.TarForge;

namespace ContainerKit.Tests.Layers;

public sealed class TarReaderTests
{
    private const string Gnu = "ustar  \0";

    [Fact]
    public void An_archive_of_nothing_has_no_members() => Assert.Empty(TarListing.Read(new TarForge().End()));

    [Fact]
    public void A_member_of_ustar_has_what_its_header_says()
    {
        var member = TarListing.ReadOne(new TarForge().Member("etc/passwd", "root", change: block =>
        {
            Put(block, 100, "0104755\0");
            Put(block, 108, "0001750\0");
            Put(block, 116, "0000144\0");
            Put(block, 136, "14000000000\0");
        }).End());

        Assert.Equal(("etc/passwd", "root", 4L, TarEntryKind.RegularFile), (member.Path, member.Content, member.Size, member.Kind));
        Assert.Equal((0x9EDu, 1000u, 100u), (member.Mode, member.User, member.Group)); // 04755, without the type
        Assert.Equal((1610612736L, 0u), member.ModifiedAt);
    }

    [Fact]
    public void A_prefix_comes_before_the_name() =>
        Assert.Equal("a/b/c", TarListing.ReadOne(new TarForge().Header("c", change: block => Put(block, 345, "a/b")).End()).Path);

    [Fact]
    public void A_name_that_fills_its_field_needs_no_NUL() =>
        Assert.Equal(100, TarListing.ReadOne(new TarForge().Header(new string('n', 100)).End()).Path.Length);

    [Theory]
    [InlineData('1', TarEntryKind.HardLink)]
    [InlineData('2', TarEntryKind.SymbolicLink)]
    [InlineData('3', TarEntryKind.CharacterDevice)]
    [InlineData('4', TarEntryKind.BlockDevice)]
    [InlineData('5', TarEntryKind.Directory)]
    [InlineData('6', TarEntryKind.Fifo)]
    [InlineData('7', TarEntryKind.RegularFile)]
    internal void A_type_is_of_a_kind(char type, TarEntryKind kind)
    {
        var member = TarListing.ReadOne(new TarForge().Header("x", type, change: block =>
        {
            Put(block, 157, "target");
            Put(block, 329, "0000010\0");
            Put(block, 337, "0000003\0");
        }).End());

        Assert.Equal(kind, member.Kind);
        Assert.Equal(type is '1' or '2' ? "target" : "", member.LinkTarget);
        Assert.Equal(type is '3' or '4' ? (8u, 3u) : (0, 0), member.Device);
    }

    [Fact]
    public void An_old_archive_names_a_directory_by_its_slash()
    {
        var members = TarListing.Read(new TarForge()
            .Header("d/", '\0', magic: "").Member("d/f", "old", '\0', magic: "").Header("l", '2', magic: "", change: block => Put(block, 157, "f"))
            .End());

        Assert.Equal([TarEntryKind.Directory, TarEntryKind.RegularFile, TarEntryKind.SymbolicLink], members.Select(member => member.Kind));
        Assert.Equal("old", members[1].Content);
    }

    [Fact]
    public void A_PAX_header_is_about_the_next_member_only()
    {
        var members = TarListing.Read(new TarForge()
            .Pax(("path", "long/näme"), ("uid", "3000000"), ("gid", "7"), ("mtime", "1700000000.123456789"), ("comment", "x"))
            .Member("short", "1").Member("second", "2").End());

        Assert.Equal(("long/näme", 3000000u, 7u, (1700000000L, 123456789u)), (members[0].Path, members[0].User, members[0].Group, members[0].ModifiedAt));
        Assert.Equal(("second", 0u, "2"), (members[1].Path, members[1].User, members[1].Content));
    }

    [Theory]
    [InlineData("1", 1, 0)]
    [InlineData("1.5", 1, 500000000)]
    [InlineData("1.", 1, 0)]
    [InlineData("-1.25", -2, 750000000)]
    [InlineData("-0.000000001", -1, 999999999)]
    [InlineData("-3", -3, 0)]
    [InlineData("0.1234567899", 0, 123456789)]
    public void A_PAX_time_has_a_fraction(string text, long seconds, uint nanoseconds) => Assert.Equal(
        (seconds, nanoseconds), TarListing.ReadOne(new TarForge().Pax(("mtime", text)).Header("f").End()).ModifiedAt);

    [Fact]
    public void A_global_header_lasts_until_another_and_yields_to_a_members_own()
    {
        var members = TarListing.Read(new TarForge()
            .Global(("uid", "5"), ("mtime", "9"), ("comment", "c")).Header("a")
            .Pax(("uid", "6")).Header("b")
            .Global(("uid", "7")).Header("c").End());

        Assert.Equal([(5u, 9L), (6, 9), (7, 9)], members.Select(member => (member.User, member.ModifiedAt.Seconds)));
    }

    [Fact]
    public void A_key_that_says_the_same_twice_is_read()
    {
        var member = TarListing.ReadOne(new TarForge().Pax(("path", "p"), ("path", "p"), ("comment", "1"), ("comment", "2")).Header("f").End());

        Assert.Equal("p", member.Path);
    }

    [Fact]
    public void Attributes_are_bytes_and_may_be_empty()
    {
        var member = TarListing.ReadOne(new TarForge()
            .Pax(("SCHILY.xattr.user.a", "\0\u00FF\n="), ("SCHILY.xattr.user.empty", ""), ("LIBARCHIVE.xattr.user.a", "AP8KPQ"))
            .Header("f").End());

        Assert.Equal("user.a=\0\u00FF\n=;user.empty=", member.Attributes);
    }

    [Fact]
    public void A_size_that_a_header_has_no_room_for_is_in_the_PAX_header()
    {
        // The content is not there; that it is missing shows which size was read.
        foreach (var inHeader in new[] { 0L, 8589934591L })
        {
            var refusal = TarListing.Refuses(new TarForge().Pax(("size", "8589934592")).Header("big", size: inHeader).End(), "big", "content");
            Assert.Equal("2560", refusal.Value);
        }
    }

    [Fact]
    public void Long_names_of_GNU_are_about_the_next_member_only()
    {
        var (name, target) = (new string('n', 300), new string('t', 300));
        var members = TarListing.Read(new TarForge()
            .LongName(target, 'K').LongName(name).Header("cut", '2', magic: Gnu, change: block => Put(block, 157, "cut"))
            .Header("next", magic: Gnu).End());

        Assert.Equal((name, target, "next"), (members[0].Path, members[0].LinkTarget, members[1].Path));
    }

    [Fact]
    public void A_long_name_may_come_before_a_PAX_header()
    {
        var name = new string('n', 300);
        var member = TarListing.ReadOne(new TarForge().LongName(name).Pax(("mtime", "5")).Header("cut").End());

        Assert.Equal((name, 5L), (member.Path, member.ModifiedAt.Seconds));
    }

    [Fact]
    public void Numbers_may_be_binary()
    {
        var member = TarListing.ReadOne(new TarForge().Header("f", magic: Gnu, change: block =>
        {
            Put(block, 108, "\u0080\0\0\0\0\u002D\u00C6\u00C0"); // 3,000,000
            Put(block, 124, "\u0080\0\0\0\0\0\0\0\0\0\0\u0003");
            Put(block, 136, "\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FE");
        }).Content("abc").End());

        Assert.Equal((3000000u, 3L, "abc", -2L), (member.User, member.Size, member.Content, member.ModifiedAt.Seconds));
    }

    [Theory]
    [InlineData("   644 \0")]
    [InlineData("644\0\0\0\0\0")]
    [InlineData("00000644")]
    [InlineData("0000644 ")]
    public void Octal_numbers_may_be_padded(string mode) => Assert.Equal(
        0x1A4u, TarListing.ReadOne(new TarForge().Header("f", change: block => Put(block, 100, mode)).End()).Mode);

    [Fact]
    public void A_checksum_may_be_of_signed_bytes()
    {
        var archive = new TarForge().Header("f\u00E9\u00FF").End();
        Put(archive, 148, "        ");
        var signed = archive[..512].Sum(value => (long)(sbyte)value);
        Put(archive, 148, Octal(signed, 6) + "\0 ");

        Assert.Equal("f\u00E9\u00FF", TarListing.ReadOne(archive).Path);
    }

    [Fact]
    public void Content_that_nobody_reads_is_skipped_and_what_was_half_read_comes_again()
    {
        var archive = new TarForge().Member("a", new string('a', 1000)).Member("b", "bb").End();
        Assert.True(Half(archive).IsCompletedSuccessfully);

        static async Task Half(byte[] archive)
        {
            var reader = new TarReader(System.IO.Pipelines.PipeReader.Create(new(archive)), TarLimits.Default);
            await reader.ReadAsync(TestContext.Current.CancellationToken);
            Assert.Equal(1000, (await reader.ReadContentAsync(TestContext.Current.CancellationToken)).Length);
            reader.AdvanceContent(400);
            Assert.Equal(600, (await reader.ReadContentAsync(TestContext.Current.CancellationToken)).Length);
            Assert.Equal("b", (await reader.ReadAsync(TestContext.Current.CancellationToken))?.Name);
            Assert.Null(await reader.ReadAsync(TestContext.Current.CancellationToken));
            Assert.Null(await reader.ReadAsync(TestContext.Current.CancellationToken));
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(511)]
    [InlineData(513)]
    public void It_does_not_matter_in_which_pieces_an_archive_comes(int piece)
    {
        var archive = new TarForge().Pax(("path", new string('p', 700))).Member("a", new string('a', 1500)).LongName("n").Member("b", "b").End();

        Assert.Equal(TarListing.Read(archive), TarListing.Read(archive, piece: piece));
    }

    [Fact]
    public void One_block_of_zeros_ends_an_archive_when_nothing_follows() =>
        Assert.Single(TarListing.Read(new TarForge().Header("f").End()[..^512]));
}
