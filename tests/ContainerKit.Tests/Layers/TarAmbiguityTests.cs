using static ContainerKit.Tests.Layers.TarForge;

namespace ContainerKit.Tests.Layers;

/// <summary>What GNU tar, libarchive, Go's archive/tar, Python's tarfile and the tars of Rust read differently.</summary>
public sealed class TarAmbiguityTests
{
    private const string Gnu = "ustar  \0";

    [Fact]
    public void CVE_2025_62518_a_PAX_size_that_is_not_the_headers_is_refused()
    {
        var inner = System.Text.Encoding.Latin1.GetString(new TarForge().Member("smuggled", "x").NoEnd());
        TarListing.Refuses(new TarForge().Pax(("size", $"{inner.Length}")).Header("f").Content(inner).End(), "f", "size", "1024");
    }

    [Fact]
    public void CVE_2026_33055_a_PAX_size_is_refused_also_when_the_headers_is_not_zero() =>
        TarListing.Refuses(new TarForge().Pax(("size", "2")).Member("f", "x").End(), "f", "size", "2");

    [Fact]
    public void RUSTSEC_2026_0112_a_long_name_between_a_PAX_header_and_its_member_is_refused() => TarListing.Refuses(
        new TarForge().Pax(("size", "2048")).LongName("long").Member("f", "x").End(), "././@LongLink", "typeflag", "L");

    [Fact]
    public void Headers_that_come_twice_or_in_another_order_are_refused()
    {
        TarListing.Refuses(new TarForge().Pax(("a", "b")).Pax(("a", "b")).Header("f").End(), "PaxHeader", "typeflag", "x");
        TarListing.Refuses(new TarForge().LongName("a").LongName("b").Header("f").End(), "././@LongLink", "typeflag", "L");
        TarListing.Refuses(new TarForge().LongName("a", 'K').LongName("b", 'K').Header("f").End(), "././@LongLink", "typeflag", "K");
        TarListing.Refuses(new TarForge().Pax(("a", "b")).Global(("a", "b")).Header("f").End(), "PaxHeader", "typeflag", "g");
        TarListing.Refuses(new TarForge().LongName("a").Global(("a", "b")).Header("f").End(), "PaxHeader", "typeflag", "g");
    }

    [Fact]
    public void Headers_without_a_member_are_refused()
    {
        TarListing.Refuses(new TarForge().Pax(("a", "b")).End(), "", "typeflag");
        TarListing.Refuses(new TarForge().LongName("a").End(), "", "typeflag");
    }

    [Fact]
    public void Two_long_names_that_differ_are_refused()
    {
        TarListing.Refuses(new TarForge().LongName("a").Pax(("path", "b")).Header("f").End(), "a", "path", "b");
        TarListing.Refuses(new TarForge().LongName("a", 'K').Pax(("linkpath", "b")).Header("f", '2').End(), "f", "linkpath", "b");
    }

    [Theory]
    [InlineData("path", "other")]
    [InlineData("linkpath", "other")]
    [InlineData("size", "1")]
    [InlineData("uid", "1")]
    [InlineData("mtime", "1")]
    [InlineData("SCHILY.xattr.user.a", "1")]
    [InlineData("GNU.sparse.major", "1")]
    public void A_key_that_says_two_things_is_refused(string key, string second)
    {
        var refusal = TarListing.Refuses(new TarForge().Pax((key, "0"), (key, second)).Header("f").End(), "f",
            key.Replace("SCHILY.xattr.", "", StringComparison.Ordinal), second);
        Assert.Contains("two", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("path")]
    [InlineData("linkpath")]
    [InlineData("size")]
    [InlineData("uid")]
    [InlineData("gid")]
    [InlineData("mtime")]
    [InlineData("GNU.sparse.name")]
    [InlineData("GNU.sparse.size")]
    public void An_empty_value_is_refused(string key) =>
        TarListing.Refuses(new TarForge().Pax((key, "")).Header("f").End(), "f", key, "");

    [Theory]
    [InlineData("path", "a")]
    [InlineData("linkpath", "a")]
    [InlineData("size", "0")]
    [InlineData("GNU.sparse.major", "1")]
    [InlineData("SCHILY.xattr.user.a", "1")]
    public void A_global_header_that_is_about_one_member_is_refused(string key, string value) =>
        TarListing.Refuses(new TarForge().Global((key, value)).Header("f").End(), "PaxHeader", key, value);

    [Theory]
    [InlineData("path", "a\0b", "a\\x00b")]
    [InlineData("size", "-1", "-1")]
    [InlineData("size", "+1", "+1")]
    [InlineData("size", "1x", "1x")]
    [InlineData("size", " 1", " 1")]
    [InlineData("size", "9223372036854775808", "9223372036854775808")]
    [InlineData("uid", "4294967295", "4294967295")]
    [InlineData("gid", "0x1", "0x1")]
    [InlineData("mtime", "1e9", "1e9")]
    [InlineData("mtime", ".5", ".5")]
    [InlineData("mtime", "--1", "--1")]
    [InlineData("hdrcharset", "ISO-IR 8859 1 1998", "ISO-IR 8859 1 1998")]
    [InlineData("SUN.holesdata", " 0 1", " 0 1")]
    [InlineData("SCHILY.realsize", "5", "5")]
    [InlineData("GNU.dumpdir", "Y", "Y")]
    public void A_value_that_is_read_differently_is_refused(string key, string value, string shown) =>
        TarListing.Refuses(new TarForge().Pax((key, value)).Header("f").End(), "f", key, shown);

    [Theory]
    [InlineData("7 a=b")]
    [InlineData("5 a=b\n")]
    [InlineData("7 a=b\n")]
    [InlineData("06 a=b\n")]
    [InlineData("+6 a=b\n")]
    [InlineData(" 6 a=b\n")]
    [InlineData("6\ta=b\n")]
    [InlineData("5 =b\n")]
    [InlineData("5 ab\n")]
    [InlineData("2 ")]
    [InlineData("0 a=b\n")]
    [InlineData("-6 a=b\n")]
    [InlineData("1 a=b\n")]
    [InlineData("99999999999999999999 a=b\n")]
    [InlineData("6 a=b\n\0\0\0")]
    [InlineData("7 \0a=b\n")]
    public void A_record_that_is_none_is_refused(string record) =>
        TarListing.Refuses(new TarForge().RawPax(record).Header("f").End(), "f", "record");

    [Theory]
    [InlineData("a\0b")]
    [InlineData("")]
    public void A_long_name_with_a_NUL_or_of_nothing_is_refused(string name) =>
        TarListing.Refuses(new TarForge().LongName(name).Header("f").End(), "././@LongLink", "name");

    [Fact]
    public void A_long_name_without_a_NUL_is_refused() => TarListing.Refuses(
        new TarForge().Header("././@LongLink", 'L', 2, Gnu).Content("d/link").Header("f").End(), "././@LongLink", "name", "d/");

    [Theory]
    [InlineData('0')]
    [InlineData('\0')]
    [InlineData('7')]
    public void A_regular_file_with_the_name_of_a_directory_is_refused(char type) =>
        TarListing.Refuses(new TarForge().Header("dir/", type).End(), "dir/", "typeflag");

    [Theory]
    [InlineData('1')]
    [InlineData('2')]
    [InlineData('3')]
    [InlineData('5')]
    [InlineData('6')]
    public void Content_of_what_is_no_regular_file_is_refused(char type) => TarListing.Refuses(
        new TarForge().Member("f", "x", type, change: block => Put(block, 157, "t")).End(), "f", "size", "1");

    [Theory]
    [InlineData('8')]
    [InlineData('A')]
    [InlineData('D')]
    [InlineData('M')]
    [InlineData('N')]
    [InlineData('V')]
    [InlineData('X')]
    [InlineData('z')]
    [InlineData('\u00FF')]
    public void A_type_that_is_read_differently_is_refused(char type) =>
        TarListing.Refuses(new TarForge().Header("f", type, magic: Gnu).End(), "f", "typeflag");

    [Theory]
    [InlineData(124, "size", "0000000001x\0")]
    [InlineData(124, "size", "00000000 01\0")]
    [InlineData(124, "size", "8\0")]
    [InlineData(124, "size", "-1\0")]
    [InlineData(124, "size", "\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF")]
    [InlineData(124, "size", "\u0080\0\0\u0001\0\0\0\0\0\0\0\0")]
    [InlineData(124, "size", "\u0081\0\0\0\0\0\0\0\0\0\0\0")]
    [InlineData(108, "uid", "\u0080\0\0\0\u00FF\u00FF\u00FF\u00FF")]
    [InlineData(116, "gid", "\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FF\u00FE")]
    [InlineData(136, "mtime", "yesterday\0")]
    [InlineData(100, "mode", "rwxr-xr-")]
    public void A_number_that_is_read_differently_is_refused(int offset, string field, string value)
    {
        var text = value.PadRight(field is "size" or "mtime" ? 12 : 8, '\0');
        TarListing.Refuses(new TarForge().Header("f", change: block => Put(block, offset, text)).End(), "f", field, TarEntry.Printable(Latin(text)));
    }

    [Fact]
    public void A_layout_that_is_read_differently_is_refused()
    {
        TarListing.Refuses(new TarForge().Header("f", magic: "ustar\0  ").End(), "f", "magic");
        TarListing.Refuses(new TarForge().Header("f", magic: "ustar\0\0\0").End(), "f", "magic");
        TarListing.Refuses(new TarForge().Header("f", magic: Gnu, change: block => Put(block, 345, "prefix")).End(), "f", "atime");
        TarListing.Refuses(new TarForge().Header("f", change: block =>
        {
            Put(block, 345, new string('p', 150));
            Put(block, 508, "tar\0");
        }).End(), new string('p', 150) + "/f", "prefix");
        TarListing.Refuses(new TarForge().Header("f", '3', magic: "").End(), "f", "typeflag", "3");
    }

    [Fact]
    public void A_device_that_Linux_has_no_number_for_is_refused()
    {
        TarListing.Refuses(new TarForge().Header("f", '3', change: block => Put(block, 329, "0010000\0")).End(), "f", "devmajor");
        TarListing.Refuses(new TarForge().Header("f", '4', change: block => Put(block, 337, "4000000\0")).End(), "f", "devminor");
    }

    [Fact]
    public void A_link_to_nothing_is_refused()
    {
        TarListing.Refuses(new TarForge().Header("f", '2').End(), "f", "linkname");
        TarListing.Refuses(new TarForge().Header("f", '1').End(), "f", "linkname");
    }

    [Fact]
    public void An_attribute_whose_name_GNU_tar_would_decode_is_refused() =>
        TarListing.Refuses(new TarForge().Pax(("SCHILY.xattr.user.a%3Db", "")).Header("f").End(), "f", "user.a%3Db");

    [Fact]
    public void A_wrong_checksum_is_refused()
    {
        var archive = new TarForge().Member("a", "x").Header("b").End();
        archive[1024 + 5] ^= 1;

        var refusal = TarListing.Refuses(archive, "b", "chksum");
        Assert.Contains("at byte 1024", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_may_follow_the_end()
    {
        var second = new TarForge().Header("hidden").End();
        var first = new TarForge().Header("f").End();

        Assert.Throws<InvalidImageException>(() => TarListing.Read([.. first, .. second]));
        Assert.Throws<InvalidImageException>(() => TarListing.Read([.. first[..^512], .. second]));
        Assert.Single(TarListing.Read([.. first, .. new byte[9000]]));
    }
}
