using System.Text;

namespace ContainerKit.Tests.Layers;

/// <summary>What others write is read here, what is written here is read by others, and both see the same.</summary>
public sealed class TarPeerTests : IDisposable
{
    private const string NoGnuTar = "needs GNU tar", NoBsdTar = "needs bsdtar";

    private readonly string _directory = Directory.CreateTempSubdirectory("containerkit-tar").FullName;

    public void Dispose() => Directory.Delete(_directory, recursive: true);

    [Theory(Skip = NoGnuTar, SkipUnless = nameof(TarPeer.HasGnuTar), SkipType = typeof(TarPeer))]
    [InlineData("v7")]
    [InlineData("oldgnu")]
    [InlineData("gnu")]
    [InlineData("ustar")]
    [InlineData("pax")]
    public void What_GNU_tar_writes_is_read(string format)
    {
        MakeTree(hasLongNames: format is "oldgnu" or "gnu" or "pax");
        TarPeer.Run("tar", _directory, "--create", "--file=a.tar", $"--format={format}", "--sort=name", "--owner=1000", "--group=100", "tree");

        AssertIsTheTree(format == "pax");
        Assert.Equal(TarPeer.Run("tar", _directory, "--list", "--file=a.tar", "--quoting-style=literal"), Names());
    }

    [Theory(Skip = NoGnuTar, SkipUnless = nameof(TarPeer.HasGnuTar), SkipType = typeof(TarPeer))]
    [InlineData("gnu", "0.0")]
    [InlineData("pax", "0.0")]
    [InlineData("pax", "0.1")]
    [InlineData("pax", "1.0")]
    public void Sparse_files_of_GNU_tar_are_read(string format, string version)
    {
        MakeSparse(pieces: 30);
        TarPeer.Run("tar", _directory, "--create", "--file=a.tar", $"--format={format}", "--sparse", $"--sparse-version={version}", "sparse", "hole");

        AssertIsSparse();
    }

    [Theory(Skip = NoBsdTar, SkipUnless = nameof(TarPeer.HasBsdTar), SkipType = typeof(TarPeer))]
    [InlineData("v7")]
    [InlineData("gnutar")]
    [InlineData("ustar")]
    [InlineData("pax")]
    public void What_bsdtar_writes_is_read(string format)
    {
        MakeTree(hasLongNames: format is "gnutar" or "pax");
        TarPeer.Run("bsdtar", _directory, "-c", "-f", "a.tar", $"--format={format}", "--uid=1000", "--gid=100", "--uname=", "--gname=", "tree");

        AssertIsTheTree(format == "pax");
        Assert.Equal(TarPeer.Run("bsdtar", _directory, "-tf", "a.tar").Replace("\\001", "\u0001", StringComparison.Ordinal), Names());
    }

    [Fact(Skip = NoBsdTar, SkipUnless = nameof(TarPeer.HasBsdTar), SkipType = typeof(TarPeer))]
    public void Sparse_files_of_bsdtar_are_read()
    {
        MakeSparse(pieces: 3);
        TarPeer.Run("bsdtar", _directory, "-c", "-f", "a.tar", "--format=pax", "sparse", "hole");

        AssertIsSparse();
    }

    [Fact(Skip = NoGnuTar, SkipUnless = nameof(TarPeer.HasGnuTar), SkipType = typeof(TarPeer))]
    public void What_is_written_GNU_tar_lists_alike()
    {
        WriteArchive();
        Assert.Equal(TarPeer.Lines(TarListing.Read(File.ReadAllBytes(ArchivePath))), TarPeer.ListByGnuTar(_directory, "a.tar"));
    }

    [Fact(Skip = NoGnuTar, SkipUnless = nameof(TarPeer.HasGnuTar), SkipType = typeof(TarPeer))]
    public void A_damaged_archive_that_is_read_is_read_alike_by_GNU_tar()
    {
        foreach (var members in Damaged())
        {
            if (TarPeer.TryListByGnuTar(_directory, "a.tar") is { } listed)
            {
                Assert.Equal(TarPeer.Lines(members), listed);
            }
        }
    }

    [Fact(Skip = NoBsdTar, SkipUnless = nameof(TarPeer.HasBsdTar), SkipType = typeof(TarPeer))]
    public void A_damaged_archive_that_is_read_is_read_alike_by_bsdtar()
    {
        foreach (var members in Damaged())
        {
            // It escapes what is not printable, each in its own way.
            if (members.All(member => member.Path.All(letter => letter is >= ' ' and < '\u007F' and not '\\'))
                && TarPeer.TryRun("bsdtar", _directory, "-tf", "a.tar") is (0, var listed, ""))
            {
                Assert.Equal(string.Concat(members.Select(member => member.Path + "\n")), listed);
            }
        }
    }

    [Fact(Skip = NoBsdTar, SkipUnless = nameof(TarPeer.HasBsdTar), SkipType = typeof(TarPeer))]
    public void What_is_written_bsdtar_lists_alike()
    {
        WriteArchive();

        // In its own words of mtree, which has all fields, and escapes as we do not: compared where it does not.
        var listed = TarPeer.Run("bsdtar", _directory, "-c", "-f", "-", "--format=mtree",
            "--options=mtree:!all,mode,uid,gid,size,time,link,type", "@a.tar");
        foreach (var member in TarListing.Read(File.ReadAllBytes(ArchivePath)))
        {
            var line = Assert.Single(listed.Split('\n'), line => line.StartsWith($"./{member.Path.TrimEnd('/')} ", StringComparison.Ordinal));
            Assert.Contains($" time={member.ModifiedAt.Seconds}.{member.ModifiedAt.Nanoseconds}", line, StringComparison.Ordinal);
            Assert.Contains($" gid={member.Group}", line, StringComparison.Ordinal);
            Assert.Contains($" uid={member.User}", line, StringComparison.Ordinal);
        }
    }

    [Fact(Skip = NoGnuTar, SkipUnless = nameof(TarPeer.HasGnuTar), SkipType = typeof(TarPeer))]
    public void What_is_written_GNU_tar_unpacks_alike()
    {
        File.WriteAllBytes(ArchivePath, TarWriterTests.Write(
            TarWriterTests.Entry(TarEntryKind.Directory, "tree") with { Mode = 0x1ED },
            TarWriterTests.Entry(path: "tree/" + new string('n', 200), content: "long"),
            TarWriterTests.Entry(path: "tree/sparse", content: "ab") with { Size = 100, HoleBefore = 98 }));
        TarPeer.Run("tar", _directory, "--extract", "--no-same-owner", "--file=a.tar");

        Assert.Equal("long", File.ReadAllText(Path.Combine(_directory, "tree", new string('n', 200))));
        Assert.Equal(new string('\0', 98) + "ab", File.ReadAllText(Path.Combine(_directory, "tree/sparse")));
    }

    private string ArchivePath => Path.Combine(_directory, "a.tar");

    // Writes each to the disk, and gives what was read of it.
    private IEnumerable<List<TarListed>> Damaged()
    {
        var random = new Random(2026);
        for (var left = TarDamageTests.IsSoak ? 100_000 : 40; left > 0;)
        {
            var archive = TarDamageTests.Mutate(random);
            if (TarDamageTests.TryRead(archive) is { Count: > 0 } members)
            {
                left--;
                File.WriteAllBytes(ArchivePath, archive);
                yield return members;
            }
        }
    }

    private void WriteArchive() => File.WriteAllBytes(ArchivePath, TarWriterTests.Write(
        TarWriterTests.Entry(TarEntryKind.Directory, "d") with { Mode = 0x1ED, User = 1000, Group = 100 },
        TarWriterTests.Entry(path: "d/f", content: "content") with { ModifiedAt = (1700000000, 0), User = 3_000_000, Group = 2_000_000_000 },
        TarWriterTests.Entry(path: "d/" + new string('n', 130)) with { ModifiedAt = (1700000000, 123456789) },
        TarWriterTests.Entry(path: "d/" + new string('n', 90) + "/" + new string('m', 90)),
        TarWriterTests.Entry(path: "d/old") with { ModifiedAt = (-86400, 0) },
        TarWriterTests.Entry(TarEntryKind.SymbolicLink, "d/s") with { LinkTarget = new string('t', 130), Mode = 0x1FF },
        TarWriterTests.Entry(TarEntryKind.HardLink, "d/h") with { LinkTarget = "d/f" },
        TarWriterTests.Entry(TarEntryKind.CharacterDevice, "d/c") with { Device = (1, 1_000_000) },
        TarWriterTests.Entry(TarEntryKind.BlockDevice, "d/b") with { Device = (4095, 2) },
        TarWriterTests.Entry(TarEntryKind.Fifo, "d/p"),
        TarWriterTests.Entry(path: "d/x") with { Attributes = [("user.a", "\0binary\n")] }));

    private void MakeTree(bool hasLongNames)
    {
        var tree = Directory.CreateDirectory(Path.Combine(_directory, "tree")).FullName;
        File.WriteAllText(Path.Combine(tree, "a"), new string('a', 1000));
        File.SetLastWriteTimeUtc(Path.Combine(tree, "a"), DateTime.UnixEpoch.AddSeconds(1_600_000_000.5));
        File.WriteAllText(Path.Combine(tree, "empty"), "");
        File.CreateSymbolicLink(Path.Combine(tree, "link"), "a");
        Directory.CreateDirectory(Path.Combine(tree, "dir"));
        TarPeer.Run("chmod", tree, "4700", "a");
        if (hasLongNames)
        {
            File.WriteAllText(Path.Combine(tree, new string('n', 200)), "long");
            File.CreateSymbolicLink(Path.Combine(tree, "longlink"), new string('t', 200));
        }
    }

    private void AssertIsTheTree(bool hasFractions)
    {
        var members = TarListing.Read(File.ReadAllBytes(ArchivePath)).ToDictionary(member => member.Path);
        var file = members["tree/a"];
        Assert.Equal((TarEntryKind.RegularFile, 0x9C0u, 1000u, 100u), (file.Kind, file.Mode, file.User, file.Group));
        Assert.Equal((new string('a', 1000), (1_600_000_000L, hasFractions ? 500_000_000u : 0)), (file.Content, file.ModifiedAt));
        Assert.Equal((TarEntryKind.SymbolicLink, "a"), (members["tree/link"].Kind, members["tree/link"].LinkTarget));
        Assert.Equal(TarEntryKind.Directory, members["tree/dir/"].Kind);
        Assert.Equal("", members["tree/empty"].Content);
        if (members.TryGetValue("tree/longlink", out var link))
        {
            Assert.Equal(new string('t', 200), link.LinkTarget);
            Assert.Equal("long", members["tree/" + new string('n', 200)].Content);
        }
    }

    private string Names()
    {
        var names = new StringBuilder();
        foreach (var member in TarListing.Read(File.ReadAllBytes(ArchivePath)))
        {
            names.Append(member.Path).Append('\n');
        }

        return names.ToString();
    }

    private void MakeSparse(int pieces)
    {
        const int Distance = 64 << 10; // holes are of whole blocks of the filesystem
        using var sparse = File.Create(Path.Combine(_directory, "sparse"));
        for (var i = 0; i < pieces; i++)
        {
            sparse.Position = (long)i * Distance;
            sparse.Write(Encoding.Latin1.GetBytes($"piece {i}"));
        }

        sparse.SetLength(1_000_000L + (pieces * Distance));
        using var hole = File.Create(Path.Combine(_directory, "hole"));
        hole.SetLength(123_456);
    }

    private void AssertIsSparse()
    {
        var members = TarListing.Read(File.ReadAllBytes(ArchivePath));
        Assert.Equal(["sparse", "hole"], members.Select(member => member.Path));
        Assert.Equal((new FileInfo(Path.Combine(_directory, "sparse")).Length, 123_456), (members[0].Size, members[1].Size));
        Assert.All(members, member => Assert.NotEmpty(member.Extents));
        Assert.Equal(new string('\0', 123_456), members[1].Unpacked);
        Assert.True(members[0].Content.Length < members[0].Size);
        Assert.StartsWith("piece 0\0", members[0].Content, StringComparison.Ordinal);
        Assert.Contains("piece 2\0", members[0].Content, StringComparison.Ordinal);
    }
}
