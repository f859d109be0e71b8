using System.Formats.Tar;
using System.IO.Pipelines;
using System.Text;
using CsCheck;

namespace ContainerKit.Tests.Layers;

public sealed class TarWriterTests
{
    [Fact]
    public void What_fits_is_ustar()
    {
        var archive = Write(Entry(path: "etc/motd", content: "hi"));

        Assert.Equal(2048, archive.Length);
        Assert.Equal("etc/motd\0", Encoding.Latin1.GetString(archive, 0, 9));
        Assert.Equal("ustar\000", Encoding.Latin1.GetString(archive, 257, 8));
        Assert.Equal("hi\0", Encoding.Latin1.GetString(archive, 512, 3));
    }

    [Fact]
    public void What_does_not_fit_is_in_a_PAX_header()
    {
        var entry = Entry(path: new string('p', 101)) with
        {
            User = 3_000_000,
            Group = 4_000_000,
            ModifiedAt = (1700000000, 5),
            Attributes = [("user.b", "2"), ("user.a", "1")],
        };
        var archive = Encoding.Latin1.GetString(Write(entry));

        Assert.StartsWith("15 uid=3000000\n15 gid=4000000\n30 mtime=1700000000.000000005\n"
            + $"25 SCHILY.xattr.user.a=1\n25 SCHILY.xattr.user.b=2\n111 path={entry.Path}\n\0", archive[512..], StringComparison.Ordinal);
    }

    [Fact]
    public void A_long_name_is_split_where_it_can_be()
    {
        var path = new string('a', 150) + "/" + new string('b', 100);
        var archive = Write(Entry(path: path));

        Assert.Equal(512 * 3, archive.Length);
        Assert.Equal(path, TarListing.ReadOne(archive).Path);
    }

    [Fact]
    public void A_directory_ends_with_a_slash()
    {
        Assert.Equal("d/", TarListing.ReadOne(Write(Entry(TarEntryKind.Directory, "d"))).Path);
        Assert.Equal("d/", TarListing.ReadOne(Write(Entry(TarEntryKind.Directory, "d/"))).Path);
    }

    [Fact]
    public void A_hole_is_written_as_zeros()
    {
        var entry = Entry(content: "abcd") with { Size = 1000, HoleBefore = 996 };
        var member = TarListing.ReadOne(Write(entry));

        Assert.Equal((1000, "", new string('\0', 996) + "abcd"), (member.Content.Length, member.Extents, member.Content));
        Assert.Equal(1000, TarListing.ReadOne(Write(entry with { HoleBefore = 1000, Content = "" })).Content.Length);
    }

    [Fact]
    public async Task Content_must_be_as_long_as_its_entry_says()
    {
        var output = PipeWriter.Create(new MemoryStream());
        var writer = new TarWriter(output);
        await writer.WriteAsync(Entry(content: "abc").ToEntry(), TestContext.Current.CancellationToken);
        await writer.WriteContentAsync("ab"u8.ToArray(), TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<InvalidOperationException>(async () => await writer.CompleteAsync(TestContext.Current.CancellationToken));
        await Assert.ThrowsAsync<ArgumentException>(
            async () => await writer.WriteContentAsync("cd"u8.ToArray(), TestContext.Current.CancellationToken));
    }

    [Fact]
    public void An_attribute_that_no_archive_can_hold_is_refused()
    {
        var refusal = Assert.Throws<InvalidImageException>(() => Write(Entry() with { Attributes = [("user.a=b", "")] }));

        Assert.Equal(("f", "user.a=b"), (refusal.Entry, refusal.Value));
    }

    [Fact]
    public void The_same_members_are_the_same_bytes() => TarGen.Members.Sample(
        members => Assert.Equal(Write([.. members]), Write([.. members.Select(member => member with
        {
            Attributes = [.. member.Attributes.Reverse()],
        })])), iter: 100);

    [Fact]
    public void What_is_written_is_read() => TarGen.Members.Sample(
        members => Assert.Equal(members.Select(member => member.AsListed()), TarListing.Read(Write([.. members]))), iter: 200);

    [Fact]
    public void What_is_written_is_read_alike_by_the_framework() => TarGen.Members.Sample(made =>
    {
        // It takes a newline in an attribute for the end of the record.
        var members = made.Select(member => member with { Attributes = [.. member.Attributes.Select(pair => (pair.Name, "text"))] }).ToList();
        using var reader = new System.Formats.Tar.TarReader(new MemoryStream(Write([.. members])));
        foreach (var member in members)
        {
            var entry = Assert.IsAssignableFrom<System.Formats.Tar.TarEntry>(reader.GetNextEntry());
            Assert.Equal(
                (member.AsListed().Path, member.LinkTarget, member.Mode, member.User, member.Group, member.Size),
                (entry.Name, entry.LinkName, (uint)entry.Mode, (uint)entry.Uid, (uint)entry.Gid, entry.Length));
            Assert.Equal(member.Kind, KindOf(entry.EntryType));
            Assert.Equal(member.ModifiedAt.Seconds, entry.ModificationTime.ToUnixTimeSeconds());
            Assert.Equal(member.Content, entry.DataStream is { } data ? new StreamReader(data, Encoding.Latin1).ReadToEnd() : "");
        }

        Assert.Null(reader.GetNextEntry());
    }, iter: 100);

    internal static byte[] Write(params TarMade[] members)
    {
        var bytes = new MemoryStream();
        WriteAsync(bytes, members).GetAwaiter().GetResult();
        return bytes.ToArray();
    }

    internal static TarMade Entry(TarEntryKind kind = TarEntryKind.RegularFile, string path = "f", string content = "") =>
        new(kind, path) { Content = content, Size = content.Length };

    private static async Task WriteAsync(Stream stream, TarMade[] members)
    {
        var output = PipeWriter.Create(stream, new(leaveOpen: true));
        var writer = new TarWriter(output);
        foreach (var member in members)
        {
            await writer.WriteAsync(member.ToEntry());
            await writer.WriteHoleAsync(member.HoleBefore);
            await writer.WriteContentAsync(TarForge.Latin(member.Content));
        }

        await writer.CompleteAsync();
        await output.CompleteAsync();
    }

    private static TarEntryKind KindOf(TarEntryType type) => type switch
    {
        TarEntryType.RegularFile => TarEntryKind.RegularFile,
        TarEntryType.HardLink => TarEntryKind.HardLink,
        TarEntryType.SymbolicLink => TarEntryKind.SymbolicLink,
        TarEntryType.CharacterDevice => TarEntryKind.CharacterDevice,
        TarEntryType.BlockDevice => TarEntryKind.BlockDevice,
        TarEntryType.Directory => TarEntryKind.Directory,
        TarEntryType.Fifo => TarEntryKind.Fifo,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}
