using System.Globalization;

namespace ContainerKit.KernelTests;

/// <summary>What trees take on the disk, however containers build them.</summary>
public sealed class TreeUsageTests : IDisposable
{
    private readonly UnpackedTree _tree = new();

    public void Dispose() => _tree.Dispose();

    [Fact]
    public void Directories_below_each_other_count_at_any_depth_with_what_lies_beside_them()
    {
        Tools.Run("python3", "-I", "-c", $$"""
            import os
            os.chdir({{'"' + _tree.Root + '"'}})
            for i in range(1100):
                for name in "abz": os.mkdir(name)
                open("a/file", "w").write("x" * 10000)
                os.link("a/file", "z/file")
                os.chdir("b")
            """);

        Assert.Equal(Blocks() * 512, Usage());
    }

    private long Usage()
    {
        using var root = _tree.Open();
        return TreeUsage.Of(root, null).Bytes;
    }

    /// <summary>What du(1) says, but for the directory itself.</summary>
    private long Blocks() =>
        long.Parse(Tools.Run("du", "--block-size=512", "--summarize", _tree.Root).Split('\t')[0], CultureInfo.InvariantCulture)
        - long.Parse(_tree.Stat("%b", ""), CultureInfo.InvariantCulture);
}
