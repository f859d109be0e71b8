using System.Diagnostics;
using System.IO.Pipelines;

namespace ContainerKit.Tests.Layers;

public sealed class TarLimitTests
{
    [Fact]
    public void More_members_than_allowed_are_refused()
    {
        var archive = new TarForge().Header("a").Header("b").Header("c").End();

        Assert.Equal(3, TarListing.Read(archive, new() { MaxEntries = 3 }).Count);
        TarListing.Refuses(archive, "c", "entries", "3", new() { MaxEntries = 2 });
    }

    [Fact]
    public void Global_headers_count_as_members() => TarListing.Refuses(
        new TarForge().Global(("a", "b")).Global(("a", "b")).Global(("a", "b")).Header("f").End(), "PaxHeader", "entries", "3", new() { MaxEntries = 2 });

    [Fact]
    public void A_name_longer_than_allowed_is_refused()
    {
        var (most, over) = (new string('n', 4096), new string('n', 4097));

        Assert.Equal(4096, TarListing.ReadOne(new TarForge().LongName(most).Header("f").End()).Path.Length);
        TarListing.Refuses(new TarForge().LongName(over).Header("f").End(), "././@LongLink", "size", "4098");
        TarListing.Refuses(new TarForge().Pax(("path", over)).Header("f").End(), "n…", "name");
        TarListing.Refuses(new TarForge().Pax(("linkpath", over)).Header("f", '2').End(), "f", "linkname");
    }

    [Fact]
    public void A_PAX_record_of_1_GB_is_refused_before_any_of_it_is_read() =>
        TarListing.Refuses(new TarForge().Header("PaxHeader", 'x', 1 << 30).NoEnd(), "PaxHeader", "size", "1073741824");

    [Fact]
    public void A_PAX_record_that_says_it_is_of_1_GB_is_refused() =>
        TarListing.Refuses(new TarForge().RawPax("1073741824 path=f\n").Header("f").End(), "f", "record");

    [Fact]
    public void A_name_deeper_than_allowed_is_refused()
    {
        TarListing.Refuses(new TarForge().Pax(("path", string.Concat(Enumerable.Repeat("d/", 2000)))).Header("f", '5').End(), "d…", "depth", "2000");
        Assert.Single(TarListing.Read(new TarForge().Pax(("path", string.Concat(Enumerable.Repeat("d/", 512)))).Header("f", '5').End()));
    }

    [Fact]
    public void More_attributes_than_allowed_are_refused()
    {
        var archive = new TarForge().Pax(("SCHILY.xattr.user.a", "1"), ("SCHILY.xattr.user.b", "2")).Header("f").End();
        TarListing.Refuses(archive, "f", "user.b", "2", new() { MaxAttributes = 1 });
        TarListing.Refuses(new TarForge().Pax(("SCHILY.xattr." + new string('a', 256), "1")).Header("f").End(), "f", new string('a', 256));
        TarListing.Refuses(new TarForge().Pax(("SCHILY.xattr.a", new string('v', 65537))).Header("f").End(), "f", "a");
        TarListing.Refuses(new TarForge().Pax(("SCHILY.xattr.", "1")).Header("f").End(), "f", "");
    }

    [Fact]
    public void More_content_than_allowed_is_refused_also_when_it_is_holes()
    {
        var limits = new TarLimits { MaxContent = new(1000) };
        TarListing.Refuses(new TarForge().Member("a", new string('a', 600)).Member("b", new string('b', 600)).End(), "b", "size", "600", limits);
        TarListing.Refuses(new TarForge().Pax(("GNU.sparse.numblocks", "0"), ("GNU.sparse.size", "9000000000000000000")).Header("hole").End(),
            "hole", "size", "9000000000000000000");
    }

    [Fact]
    public void CVE_2017_14992_more_zeros_after_the_end_than_allowed_are_refused()
    {
        var archive = new TarForge().Header("a").End();

        Assert.Single(TarListing.Read([.. archive, .. new byte[9000]], new() { MaxPadding = new(10000) }));
        Assert.Throws<InvalidImageException>(() => TarListing.Read([.. archive, .. new byte[11000]], new() { MaxPadding = new(10000) }));
    }

    [Fact]
    public async Task A_member_costs_less_than_200_bytes_of_memory()
    {
        const int Members = 20_000;
        var most = IsOptimized ? 200 : 4000; // a Debug build keeps what every async method knows on the heap
        var forge = new TarForge();
        for (var i = 0; i < Members / 2; i++)
        {
            forge.Member($"directory/file{i}", "content");
            forge.Pax(("path", $"long/{i}"), ("mtime", "1.5"), ("SCHILY.xattr.user.a", "value")).Member("short", "content");
        }

        var archive = forge.End();
        var before = GC.GetAllocatedBytesForCurrentThread(); // nothing here waits, so it stays on this thread
        var reader = new TarReader(PipeReader.Create(new(archive)), TarLimits.Default);
        var count = 0;
        while (await reader.ReadAsync(TestContext.Current.CancellationToken) is not null)
        {
            var content = await reader.ReadContentAsync(TestContext.Current.CancellationToken);
            reader.AdvanceContent(content.Length);
            count++;
        }

        Assert.Equal(Members, count);
        Assert.InRange((GC.GetAllocatedBytesForCurrentThread() - before) / Members, 0, most);
    }

    private static bool IsOptimized => !typeof(TarReader).Assembly
        .GetCustomAttributes(typeof(DebuggableAttribute), false).Cast<DebuggableAttribute>().Any(attribute => attribute.IsJITOptimizerDisabled);
}
