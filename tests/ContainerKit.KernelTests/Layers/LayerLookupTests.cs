using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Files that are found in layers without mounting them, however strangers lead there.</summary>
public sealed class LayerLookupTests : IDisposable
{
    private readonly UnpackedTree _tree = new();

    public void Dispose() => _tree.Dispose();

    [Fact]
    public void A_way_up_and_down_again_keeps_nothing_open()
    {
        Directory.CreateDirectory(_tree["upper/in/deep"]);
        Directory.CreateDirectory(_tree["lower/in/deep"]);
        File.CreateSymbolicLink(_tree["lower/in/root"], "/in/deep/..");
        File.WriteAllText(_tree["lower/file"], "");
        using var root = _tree.Open();
        using var lookup = Lookup(root);
        var way = string.Concat(Enumerable.Repeat("in/deep/../../in/../", 1000));
        using (lookup.Find($"{way}in/root/root/../file"))
        {
            Assert.Equal(1, OpenBelow());
        }

        Assert.Equal(
            Errno.ENOENT, Assert.Throws<LinuxException>(() => lookup.Find($"{way}in/deep/missing/file")).Errno);
    }

    [Fact]
    public void A_way_that_is_too_deep_is_refused_before_all_descriptors_are_gone()
    {
        Tools.Run("python3", "-I", "-c", $$"""
            import os
            os.makedirs({{'"' + _tree["upper"] + '"'}}); os.chdir({{'"' + _tree["upper"] + '"'}})
            for i in range(2500): os.mkdir("d"); os.chdir("d")
            """);
        using var root = _tree.Open();
        using var lookup = Lookup(root);

        var refusal = Assert.Throws<LinuxException>(() => lookup.Find(string.Concat(Enumerable.Repeat("d/", 2400)) + "d"));
        Assert.Equal(Errno.ENAMETOOLONG, refusal.Errno);
    }

    private static LayerLookup Lookup(Microsoft.Win32.SafeHandles.SafeFileHandle root)
    {
        var lookup = new LayerLookup();
        lookup.Add(root, "upper");
        lookup.Add(root, "lower");
        return lookup;
    }

    /// <summary>How many descriptors this process has of what the tree holds.</summary>
    private int OpenBelow() => Directory.GetFiles("/proc/self/fd").Count(
        path => new FileInfo(path).LinkTarget?.StartsWith($"{_tree.Root}/", StringComparison.Ordinal) is true);
}
