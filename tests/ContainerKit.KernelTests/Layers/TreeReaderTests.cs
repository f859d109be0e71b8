using System.Text;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Trees as members of an archive, and back.</summary>
public class TreeReaderTests
{
    private static readonly Member[] Everything =
    [
        Member.Directory("d/", 0x3C0).With("user.b", [2]).With("user.a", [1]), Member.File("d/file", "content", 0x9ED),
        Member.HardLink("d/again", "d/file"), Member.Link("d/link", "file"), Member.HardLink("d/link2", "d/link"),
        Member.Fifo("d/fifo"), Member.File("\xff.txt", ""), Member.File("d.txt", "sorts between"),
        Member.Directory("empty/", 0x16D), Sparse(),
    ];

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_tree_comes_back_attribute_for_attribute(bool forOverlay)
    {
        var form = forOverlay ? TreeForm.Overlay : TreeForm.Plain;
        Member[] members = forOverlay
            ? [.. Everything, Member.File(".wh.gone"), Member.Directory("o/"), Member.File("o/.wh..wh..opq"),
                Member.File("o/.wh.x"), Member.File("x").With("user.overlay.opaque", [7]), Member.File(".wh..wh..opq")]
            : Everything;
        if (Host.IsRoot)
        {
            members = [.. members, Member.Device("null", 1, 3).Of(1, 2), Member.File("theirs").Of(70_000, 80_000)];
        }

        using var first = new UnpackedTree();
        using var second = new UnpackedTree();
        await first.UnpackAsync(form, members);
        var read = Read(first, form);
        await second.UnpackAsync(form, [.. read]);

        Assert.Equal(read.Select(Describe), Read(second, form).Select(Describe));
        Assert.Equal(first.Paths(), second.Paths());
    }

    [Fact]
    public async Task Members_come_in_the_order_of_their_bytes_with_parents_first()
    {
        using var tree = new UnpackedTree();
        await tree.UnpackAsync(
            TreeForm.Overlay, [.. Everything, Member.File("d/.wh..wh..opq"), Member.File("a/.wh.b")]);

        Assert.Equal(
            ["./", "a/", "a/.wh.b", "d/", "d/.wh..wh..opq", "d/again", "d/fifo", "d/file", "d/link", "d/link2", "d.txt",
                "empty/", "sparse", "\xff.txt"],
            Read(tree, TreeForm.Overlay).Select(member => Encoding.Latin1.GetString(member.Entry.Path.Span)));
    }

    [Fact]
    public async Task A_socket_is_left_out_and_what_no_layer_can_say_is_refused()
    {
        using var tree = new UnpackedTree();
        using var socket = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(tree["socket"]));
        Assert.Equal("./", Assert.Single(Read(tree, TreeForm.Plain)).Entry.Name);

        await File.WriteAllTextAsync(tree[".wh.file"], "", TestContext.Current.CancellationToken);
        Assert.Throws<InvalidImageException>(() => Read(tree, TreeForm.Plain));
        File.Delete(tree[".wh.file"]);
        using var root = tree.Open();
        Assert.Null(Syscall.SetAttribute(root, "user.overlay.redirect\0"u8, "/elsewhere"u8));
        Assert.Throws<InvalidImageException>(() => Read(tree, TreeForm.Overlay));
    }

    [Fact]
    public void Names_are_remembered_up_to_a_limit_and_only_those_on_the_way_to_where_it_reads()
    {
        using var tree = new UnpackedTree();
        foreach (var file in Enumerable.Range(0, 400))
        {
            Directory.CreateDirectory(tree[$"{file / 20}"]);
            File.WriteAllText(tree[$"{file / 20}/{file}"], "");
        }

        var limits = new TreeLimits { MaxRemembered = ByteSize.KiB(4) };
        Assert.Equal(421, Read(tree, TreeForm.Plain, limits).Count);
        foreach (var file in Enumerable.Range(0, 60))
        {
            File.WriteAllText(tree[$"0/more{file}"], "");
        }

        Assert.Throws<InvalidImageException>(() => Read(tree, TreeForm.Plain, limits));
    }

    private static List<Member> Read(UnpackedTree tree, TreeForm form, TreeLimits? limits = null)
    {
        var members = new List<Member>();
        using var root = tree.Open();
        using var reader = new TreeReader(root, form, limits ?? TreeLimits.OfReader);
        while (reader.Next() is { } entry)
        {
            var copy = new TarEntry
            {
                Kind = entry.Kind,
                Path = entry.Path.ToArray(),
                LinkTarget = entry.LinkTarget.ToArray(),
                Mode = entry.Mode,
                User = entry.User,
                Group = entry.Group,
                Size = entry.Size,
                ModifiedAt = entry.ModifiedAt,
                Device = entry.Device,
            };
            copy.Attributes.AddRange(entry.Attributes);
            members.Add(new(copy, entry.Size > 0 ? Content(reader, copy) : []));
        }

        return members;
    }

    private static byte[] Content(TreeReader reader, TarEntry entry)
    {
        using var file = reader.OpenContent();
        var pieces = reader.PiecesOf(file).ToList();
        if (pieces is not [{ Offset: 0 } all] || all.Length != entry.Size)
        {
            entry.Extents.AddRange([.. pieces, new(entry.Size, 0)]);
        }

        return [.. pieces.SelectMany(extent =>
        {
            var piece = new byte[extent.Length];
            Assert.Equal(piece.Length, Syscall.ReadAt(file, piece, extent.Offset));
            return piece;
        })];
    }

    private static string Describe(Member member)
    {
        var entry = member.Entry;
        var attributes = string.Join(' ', entry.Attributes.Select(attribute =>
            $"{TarEntry.Printable(attribute.Name.Span)}={Convert.ToHexString(attribute.Value.Span)}"));
        return $"{entry.Kind} {entry.Name} {TarEntry.Printable(entry.LinkTarget.Span)} {entry.Mode:x} {entry.User} "
            + $"{entry.Group} {entry.Size} {entry.ModifiedAt} {entry.Device} {attributes} "
            + $"{string.Join(' ', entry.Extents)} {Convert.ToHexString(member.Content)}";
    }

    private static Member Sparse()
    {
        var member = Member.File("sparse", new('x', 4096));
        member.Entry.Size = 1 << 20;
        member.Entry.Extents.AddRange([new(1 << 18, 4096), new(1 << 20, 0)]);
        return member;
    }
}
