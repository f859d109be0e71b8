using ContainerKit.Images;
using ContainerKit.Tests.Images;

namespace ContainerKit.KernelTests;

/// <summary>An image with all that layers can hold and do to those below them.</summary>
internal static class RichImage
{
    /// <summary>A file capability: cap_net_raw, effective.</summary>
    private static readonly byte[] Capability =
        [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    /// <summary>Its layers, from the base on.</summary>
    public static byte[][] Archives(string scratch) =>
        [LayerArchive.Of([.. Base()]), LayerArchive.Of([.. Changes()]), LayerArchive.Of([.. MoreChanges()]), Sparse(scratch)];

    /// <summary>The image, its layers packed in these ways.</summary>
    public static TestImage Make(string scratch, params Codec[] codecs)
    {
        var (image, archives) = (new TestImage(), Archives(scratch));
        var config = image.AddBlob(MediaTypes.ImageConfig, TestImage.Config($"{Platform.Host}", archives));
        return ImageFixture.Listed(
            image, config, [.. archives.Zip(codecs, (archive, codec) => image.AddLayer(codec, archive))]);
    }

    private static IEnumerable<Member> Base()
    {
        foreach (var name in new[] { "./", "usr/", "etc/", "dev/", "proc/", "sys/", "tmp/", "run/" })
        {
            yield return Member.Directory(name);
        }

        foreach (var name in new[] { "bin", "sbin", "lib", "lib64" })
        {
            yield return Member.Link(name, $"usr/{name}");
        }

        yield return Member.Directory("things/", 0x3FF).Of(1000, 1001).With("user.directory", [1, 0, 2]);
        yield return Member.File("things/plain", "content").Of(60000, 5).With("user.file", [0, 255]);
        yield return Member.File("things/setuid", "#!/bin/sh\n", 0x9ED).Of(5, 6); // 04755
        yield return Member.File("things/setgid", "x", 0x5ED).Of(0, 42); // 02755
        yield return Member.File("things/closed", "secret", 0).Of(7, 7);
        yield return Member.File("things/large", new string('x', 300_000));
        yield return Member.File("things/empty");
        yield return Member.File($"things/{new string('n', 200)}", "a long name");
        yield return Member.File("things/\u00C3\u00A9\u00E9", "not all names are text");
        yield return Member.File("things/line\nbreak", "x");
        yield return Member.HardLink("things/again", "things/plain").Of(60000, 5);
        yield return Member.HardLink("another", "things/plain").Of(60000, 5);
        yield return Member.Link("things/link", "../etc/nothing").Of(3, 4);
        yield return Member.HardLink("things/same-link", "things/link").Of(3, 4);
        yield return Member.Link("absolute", "/etc/passwd");
        yield return Member.Fifo("things/fifo", 0x1A0).Of(8, 9);
        yield return At(Member.File("things/old", "x"), -86_400, 500_000_000);
        yield return At(Member.File("things/future", "x"), 5_000_000_000, 1);
        yield return Member.Directory("group/", 0x5FD).Of(0, 50); // 02775
        yield return Member.File("group/file").Of(0, 0);
        if (Host.IsRoot)
        {
            yield return Member.Device("things/null", 1, 3).Of(0, 6);
            yield return Member.Device("things/disk", 7, 300, TarEntryKind.BlockDevice);
            yield return Member.File("things/capable", "x", 0x1ED).Of(0, 0).With("security.capability", Capability);
        }

        foreach (var name in new[] { "gone", "emptied", "to-file", "to-link", "hollow", "kept" })
        {
            yield return Member.Directory($"{name}/").Of(11, 12);
            yield return Member.File($"{name}/old", name);
            yield return Member.Directory($"{name}/inner/");
            yield return Member.File($"{name}/inner/old", name);
        }

        yield return Member.File("to-directory", "x");
        yield return Member.Link("link-to-directory", "kept");
        yield return Member.File("gone-file", "x");
    }

    private static IEnumerable<Member> Changes()
    {
        yield return Member.Directory("./", 0x1ED);
        yield return Member.File(".wh.gone");
        yield return Member.File(".wh.gone-file");
        yield return Member.Directory("emptied/", 0x1C0).Of(13, 14).With("user.new", [1]);
        yield return Member.File("emptied/.wh..wh..opq");
        yield return Member.File("emptied/new", "n");
        yield return Member.File("to-file", "now a file");
        yield return Member.Link("to-link", "kept");
        yield return Member.Directory("to-directory/");
        yield return Member.File("to-directory/inside", "x");
        yield return Member.Directory("link-to-directory/");
        yield return Member.File("link-to-directory/inside", "x");
        yield return Member.Directory("hollow/", 0x1E8).Of(15, 16);
        yield return Member.File("hollow/.wh.inner");
        yield return Member.Directory("kept/", 0x1FF);
        yield return Member.File("kept/old", "changed", 0x1ED);
        yield return Executable(Member.HardLink("kept/same", "kept/old"));
        yield return Member.Directory("things/", 0x1ED).Of(1000, 1002);
        yield return Executable(Member.HardLink("things/to-be", "kept/old"));
    }

    private static IEnumerable<Member> MoreChanges()
    {
        yield return Member.Directory("gone/").Of(1, 1);
        yield return Member.File("gone/back", "again");
        yield return Member.Directory("to-file/", 0x1C0);
        yield return Member.File("to-file/inside", "and a directory again");
        yield return Member.Directory("hollow/");
        yield return Member.Directory("hollow/inner/").Of(2, 2);
        yield return Member.File("hollow/inner/new", "n");
        yield return Member.File(".wh.another");
        yield return Member.Directory("emptied/", 0x1ED);
        yield return Member.File("emptied/old", "not the old one");
    }

    /// <summary>A file with holes, as GNU tar packs it.</summary>
    private static byte[] Sparse(string scratch)
    {
        Directory.CreateDirectory(Path.Combine(scratch, "root/sparse"));
        using (var file = File.Create(Path.Combine(scratch, "root/sparse/file")))
        {
            file.SetLength(8 << 20);
            file.Seek(3 << 20, SeekOrigin.Begin);
            file.Write(new byte[5000].Select((_, i) => (byte)i).ToArray());
        }

        Tools.Run(
            "tar", "--directory", Path.Combine(scratch, "root"), "--create", "--sparse", "--format=pax", "--owner=21", "--group=22", "--numeric-owner",
            "--mtime=@1600000000.5", "--file", Path.Combine(scratch, "sparse.tar"), ".");
        return File.ReadAllBytes(Path.Combine(scratch, "sparse.tar"));
    }

    // Other programs give the file what the link says, which is the same in archives that were not made up.
    private static Member Executable(Member member)
    {
        member.Entry.Mode = 0x1ED; // 0755
        return member;
    }

    private static Member At(Member member, long seconds, uint nanoseconds)
    {
        member.Entry.ModifiedAt = (seconds, nanoseconds);
        return member;
    }
}
