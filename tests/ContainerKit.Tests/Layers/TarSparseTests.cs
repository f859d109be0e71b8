using static ContainerKit.Tests.Layers.TarForge;

namespace ContainerKit.Tests.Layers;

public sealed class TarSparseTests
{
    private const string Expected = "\0\0ab\0\0\0cd\0";

    private static readonly (string, string)[] Version1 =
        [("GNU.sparse.major", "1"), ("GNU.sparse.minor", "0"), ("GNU.sparse.name", "file"), ("GNU.sparse.realsize", "10")];

    public static TheoryData<string, byte[]> Versions() => new()
    {
        {
            "0.0", new TarForge().Pax(
                ("GNU.sparse.size", "10"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.offset", "2"), ("GNU.sparse.numbytes", "2"),
                ("GNU.sparse.offset", "7"), ("GNU.sparse.numbytes", "2")).Member("file", "abcd").End()
        },
        {
            "0.1", new TarForge().Pax(
                ("GNU.sparse.size", "10"), ("GNU.sparse.numblocks", "2"), ("GNU.sparse.name", "file"), ("GNU.sparse.map", "2,2,7,2"))
                .Member("GNUSparseFile.1/file", "abcd").End()
        },
        { "1.0", new TarForge().Pax(Version1).Member("GNUSparseFile.1/file", Map("2\n2\n2\n7\n2\n") + "abcd").End() },
        { "1.0 with an empty last piece", new TarForge().Pax(Version1).Member("x", Map("3\n2\n2\n7\n2\n10\n0\n") + "abcd").End() },
        { "old", Old([(2, 2), (7, 2)], 10, "abcd") },
    };

    internal static IEnumerable<byte[]> Archives => Versions().Select(row => row.Data.Item2);

    [Theory]
    [MemberData(nameof(Versions))]
    public void A_sparse_file_has_its_pieces_in_their_places(string version, byte[] archive)
    {
        var member = TarListing.ReadOne(archive);

        Assert.Equal(("file", 10L, "2+2;7+2", "abcd", Expected), (member.Path, member.Size, member.Extents, member.Content, member.Unpacked));
        Assert.NotEmpty(version);
    }

    [Fact]
    public void An_old_map_goes_on_in_further_blocks()
    {
        var pieces = Enumerable.Range(0, 30).Select(i => (i * 10L, 1L)).ToArray();
        var member = TarListing.ReadOne(Old(pieces, 300, new string('x', 30)));

        Assert.Equal(string.Join(";", pieces.Select(piece => $"{piece.Item1}+1")), member.Extents);
        Assert.Equal(300, member.Size);
    }

    [Fact]
    public void A_file_that_is_one_hole_has_one_empty_piece()
    {
        var member = TarListing.ReadOne(
            new TarForge().Pax([.. Version1[..3], ("GNU.sparse.realsize", "1000")]).Member("x", Map("0\n")).End());

        Assert.Equal((1000L, "1000+0", ""), (member.Size, member.Extents, member.Content));
    }

    [Theory]
    [InlineData("2\n2\n2\n3\n2\n", "sparse")] // overlap
    [InlineData("2\n7\n2\n2\n2\n", "sparse")] // order
    [InlineData("2\n2\n2\n9\n2\n", "realsize")] // outside
    [InlineData("2\n2\n2\n7\n1\n", "size")] // less than the archive holds
    [InlineData("1\n2\n999999999999999999\n", "realsize")]
    [InlineData("2\n-2\n2\n7\n2\n", "sparse")]
    [InlineData("\n", "sparse")]
    [InlineData("2 \n", "sparse")]
    [InlineData("9999999999999999999999\n", "sparse")]
    [InlineData("999999999999\n", "sparse")]
    [InlineData("70000\n", "sparse")]
    public void A_map_that_is_none_is_refused(string map, string field) =>
        TarListing.Refuses(new TarForge().Pax(Version1).Member("x", Map(map) + "abcd").End(), "file", field);

    [Fact]
    public void CVE_2025_58183_a_map_costs_no_more_than_its_limit()
    {
        var map = "1000000000\n" + string.Concat(Enumerable.Repeat("0\n", 100_000));
        TarListing.Refuses(new TarForge().Pax(Version1).Member("x", Map(map)).End(), "file", "sparse", "1000000000");
        var pairs = Enumerable.Range(0, 9).SelectMany(i => new[] { ("GNU.sparse.offset", $"{i}"), ("GNU.sparse.numbytes", "0") });
        TarListing.Refuses(
            new TarForge().Pax([("GNU.sparse.size", "10"), .. pairs]).Member("x", "").End(), "x", "GNU.sparse.offset", "8", new() { MaxExtents = 8 });
        TarListing.Refuses(Old([.. Enumerable.Range(0, 9).Select(i => (i * 2L, 1L))], 20, "123456789"), "file", "sparse", "9", new() { MaxExtents = 8 });
    }

    [Fact]
    public void A_sparse_file_of_two_versions_is_refused()
    {
        TarListing.Refuses(new TarForge().Pax([.. Version1, ("GNU.sparse.map", "2,2,7,2")]).Member("x", Map("0\n")).End(), "file", "GNU.sparse.major");
        TarListing.Refuses(new TarForge().Pax(("GNU.sparse.major", "2"), ("GNU.sparse.minor", "0")).Member("x", "").End(), "x", "GNU.sparse.major", "2");
        TarListing.Refuses(new TarForge().Pax(("GNU.sparse.size", "5")).Member("x", "").End(), "x", "GNU.sparse.numblocks");
        TarListing.Refuses(new TarForge().Pax([.. Version1, ("GNU.sparse.size", "11")]).Member("x", "").End(), "file", "GNU.sparse.size", "11");
        TarListing.Refuses(new TarForge().Pax(("GNU.sparse.flavour", "5")).Member("x", "").End(), "x", "GNU.sparse.flavour", "5");
        TarListing.Refuses(new TarForge().Pax(("GNU.sparse.numbytes", "5")).Member("x", "").End(), "x", "GNU.sparse.numbytes", "5");
        TarListing.Refuses(new TarForge().Pax(Version1).Header("x", '5').End(), "file", "size");
    }

    [Fact]
    public void An_old_map_that_ends_and_goes_on_is_refused()
    {
        TarListing.Refuses(
            new TarForge().Header("x", 'S', magic: "ustar  \0", change: block => block[482] = 1).End(), "x", "isextended");
        TarListing.Refuses(
            new TarForge().Header("x", 'S', magic: "ustar  \0", change: block => Put(block, 386, "00000000001\0")).End(), "x", "sparse");
        TarListing.Refuses(new TarForge().Header("x", 'S').End(), "x", "typeflag", "S");
    }

    private static string Map(string lines) => lines.PadRight((lines.Length + 511) / 512 * 512, '\0');

    private static byte[] Old((long Offset, long Length)[] pieces, long size, string content)
    {
        const int InHeader = 4, InBlock = 21;
        var rest = pieces.Skip(InHeader).Chunk(InBlock).ToArray();
        var forge = new TarForge().Header("file", 'S', content.Length, "ustar  \0", block =>
        {
            Pieces(block, 386, pieces.Take(InHeader));
            block[482] = (byte)(rest.Length > 0 ? 1 : 0);
            Put(block, 483, Octal(size, 11));
        });
        for (var i = 0; i < rest.Length; i++)
        {
            var block = new byte[512];
            Pieces(block, 0, rest[i]);
            block[504] = (byte)(i < rest.Length - 1 ? 1 : 0);
            forge.Content(System.Text.Encoding.Latin1.GetString(block));
        }

        return forge.Content(content).End();
    }

    private static void Pieces(byte[] block, int at, IEnumerable<(long Offset, long Length)> pieces)
    {
        foreach (var (offset, length) in pieces)
        {
            Put(block, at, Octal(offset, 11));
            Put(block, at + 12, Octal(length, 11));
            at += 24;
        }
    }
}
