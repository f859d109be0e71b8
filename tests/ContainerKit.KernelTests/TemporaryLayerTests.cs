using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Layers on a disk, as kernels before 6.6 need them; they are made and removed by themselves here.</summary>
public class TemporaryLayerTests
{
    /// <summary>Chains of 300 directories, each moved to the end of the next; some are closed to their owner.</summary>
    private const string TenThousandDeep = """
        chain=$(printf 'd/%.0s' $(seq 300)); last=''
        for i in $(seq 36); do
            mkdir -p "$1/$i/$chain"
            [ -z "$last" ] || mv "$1/$last" "$1/$i/${chain}in"
            chmod 0500 "$1/$i/d/d"
            last=$i
        done
        chmod 0 "$1/36"
        """;

    /// <summary>Names that no string can say, and long paths of characters that are three bytes each.</summary>
    private const string StrangeNames = """
        cd "$1"
        for name in "$(printf '\377\376')" "$(printf 'a\nb')" '*' '-rf' "$(printf '\303')"; do
            mkdir -- "$name"; : > "$name/$name"; mkdir -- "$name/$name.d"; chmod -- 0 "$name"
        done
        long=$(printf '\342\202\254%.0s' $(seq 85)); chain=''; last=''
        for i in 1 2 3 4 5 6 7 8 9 10; do chain="$chain$long/"; done
        for i in 1 2 3 4 5; do
            mkdir -p "$i/$chain"; : > "$i/${chain}file"
            [ -z "$last" ] || mv "$last" "$i/${chain}in"
            last=$i
        done
        """;

    [Fact]
    public void A_layer_is_locked_and_gone_when_it_is_disposed()
    {
        string path;
        using (var layer = TemporaryLayer.Make())
        {
            path = layer.AsChanges().KeptIn!;
            Assert.True(Directory.Exists(path));
            using var again = Syscall.Open(path, OpenFlags.O_RDONLY);
            Assert.False(Syscall.TryLockWhole(again));
        }

        Assert.False(Path.Exists(path));
    }

    [Theory]
    [InlineData(TenThousandDeep)]
    [InlineData(StrangeNames)]
    public void A_layer_is_removed_whatever_is_in_it(string script)
    {
        string path;
        using (var layer = TemporaryLayer.Make())
        {
            path = layer.AsChanges().KeptIn!;
            Tools.Run("sh", "-ec", script, "sh", path);
            Assert.NotEmpty(Directory.EnumerateFileSystemEntries(path));
        }

        Assert.False(Path.Exists(path));
    }

    [Fact]
    public void A_layer_with_many_directories_below_the_deepest_that_is_held_is_removed()
    {
        const string script = """
            chain=$(printf 'd/%.0s' $(seq 40))
            mkdir -p "$1/$chain"
            cd "$1/$chain"
            for i in $(seq 200); do mkdir -p "$i/below"; : > "$i/below/file"; done
            """;
        string path;
        using (var layer = TemporaryLayer.Make())
        {
            path = layer.AsChanges().KeptIn!;
            Tools.Run("sh", "-ec", script, "sh", path);
        }

        Assert.False(Path.Exists(path));
    }

    [Fact]
    public void What_a_layers_links_lead_to_is_left_alone()
    {
        using var outside = new TempDirectory();
        outside.Write("directory/file", "kept");
        const UnixFileMode mode = UnixFileMode.UserRead | UnixFileMode.UserExecute;
        File.SetUnixFileMode(outside["directory"], mode);
        using (var layer = TemporaryLayer.Make())
        {
            var path = layer.AsChanges().KeptIn!;
            Directory.CreateDirectory(path + "/upper");
            File.CreateSymbolicLink(path + "/upper/directory", outside["directory"]);
            File.CreateSymbolicLink(path + "/file", outside["directory/file"]);
        }

        Assert.Equal("kept", File.ReadAllText(outside["directory/file"]));
        Assert.Equal(mode, File.GetUnixFileMode(outside["directory"]));
        File.SetUnixFileMode(outside["directory"], mode | UnixFileMode.UserWrite);
    }

    [Fact]
    public void A_removal_enters_no_mount()
    {
        using var root = Syscall.Open("/", OpenFlags.O_PATH);
        var refusal = Assert.Throws<LinuxException>(() => Syscall.OpenEntry(root, "proc\0"u8, OpenFlags.O_PATH));
        Assert.Equal(Errno.EXDEV, refusal.Errno);
    }

    [Fact]
    public void Layers_that_are_made_at_once_do_not_sweep_each_other_away() =>
        Parallel.For(0, 64, _ =>
        {
            using var layer = TemporaryLayer.Make();
            Assert.True(Directory.Exists(layer.AsChanges().KeptIn));
        });

    [Theory]
    [InlineData("upper")]
    [InlineData("")] // it was killed before there was anything
    public void What_a_killed_host_left_is_removed_by_the_next(string held)
    {
        using var first = TemporaryLayer.Make();
        var left = Beside(first, "left");
        Directory.CreateDirectory($"{left}/{held}");

        using var second = TemporaryLayer.Make();
        Assert.False(Path.Exists(left));
        Assert.True(Directory.Exists(first.AsChanges().KeptIn));
    }

    [Fact]
    public void What_only_looks_like_a_layer_is_left_alone()
    {
        using var first = TemporaryLayer.Make();
        using var outside = new TempDirectory();
        outside.Write("file", "kept");
        var (linked, file) = (Beside(first, "linked"), Beside(first, "file"));
        Directory.CreateSymbolicLink(linked, outside.Path);
        File.WriteAllText(file, "kept");

        using (TemporaryLayer.Make())
        {
            Assert.Equal("kept", File.ReadAllText(outside["file"]));
            Assert.Equal("kept", File.ReadAllText(file));
            Assert.True(Path.Exists(linked));
        }

        File.Delete(linked);
        File.Delete(file);
    }

    private static string Beside(TemporaryLayer layer, string name) =>
        layer.AsChanges().KeptIn!.Replace("-layer-", $"-layer-{name}", StringComparison.Ordinal);
}
