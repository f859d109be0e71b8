using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Empty ext4 file systems, as the tools of e2fsprogs see them.</summary>
[Trait(Tools.Needs, Tools.Self)]
public sealed class Ext4FormatTests : IDisposable
{
    private readonly TempDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory(Skip = Tools.NoExt4, SkipUnless = nameof(Tools.HasExt4), SkipType = typeof(Tools))]
    [InlineData(16, true)]
    [InlineData(16, false)]
    [InlineData(128, true)]
    [InlineData(129, true)] // whose second group would be too small
    [InlineData(132, false)]
    [InlineData(1000, true)]
    [InlineData(500 << 10, true)]
    public void A_new_file_system_is_whole(long megabytes, bool hasJournal)
    {
        var file = Make(ByteSize.MiB(megabytes), hasJournal);

        Tools.Run(Tools.Ext4Check, "-fn", file);
        Assert.Contains("volume name:   containerkit", Tools.Run(Tools.Ext4Dump, file), StringComparison.Ordinal);
    }

    [Fact]
    public void One_of_500_GB_takes_less_than_1_MB()
    {
        var file = Make(new(500_000_000_000));

        Assert.InRange((long)Syscall.Status(file).Blocks * 512, 1, 1_000_000);
    }

    private string Make(ByteSize size, bool hasJournal = true)
    {
        var path = _temp["disk"];
        using var file = File.OpenHandle(path, FileMode.CreateNew, FileAccess.ReadWrite);
        Ext4Format.Write(file, size, hasJournal);
        return path;
    }
}
