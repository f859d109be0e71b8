namespace ContainerKit.KernelTests;

/// <summary>Layers on a disk, as kernels before 6.6 need them; they are made and removed by themselves here.</summary>
public class TemporaryLayerTests
{
    /// <summary>Chains of 900 directories, each moved to the end of the next.</summary>
    private const string Script = """
        chain=$(printf 'd/%.0s' $(seq 900)); last=''
        for i in 1 2 3 4 5; do
            mkdir -p "$1/$i/$chain" || exit 1
            [ -z "$last" ] || mv "$1/$last" "$1/$i/${chain}in" || exit 1
            last=$i
        done
        chmod 0 "$1/5"
        """;

    [Fact]
    public void A_layer_is_gone_when_it_is_disposed_and_so_is_its_lock()
    {
        string path;
        using (var layer = TemporaryLayer.Make())
        {
            path = layer.AsChanges().KeptIn!;
            Assert.True(Directory.Exists(path));
            Assert.True(File.Exists(path + ".lock"));
        }

        Assert.False(Path.Exists(path) || Path.Exists(path + ".lock") || Path.Exists(path + ".new"));
    }

    [Fact]
    public void A_layer_deeper_than_a_path_can_say_is_removed()
    {
        string path;
        using (var layer = TemporaryLayer.Make())
        {
            path = layer.AsChanges().KeptIn!;
            using var shell = System.Diagnostics.Process.Start(
                "sh", ["-c", Script, "sh", path]);
            shell.WaitForExit();
            Assert.Equal(0, shell.ExitCode);
        }

        Assert.False(Path.Exists(path) || Path.Exists(path + ".lock"));
    }

    [Fact]
    public void Layers_that_are_made_at_once_do_not_sweep_each_other_away() =>
        Parallel.For(0, 64, _ =>
        {
            using var layer = TemporaryLayer.Make();
            Assert.True(Directory.Exists(layer.AsChanges().KeptIn));
            Assert.True(File.Exists(layer.AsChanges().KeptIn + ".lock"));
        });

    [Fact]
    public void What_a_killed_host_left_is_removed_by_the_next()
    {
        using var first = TemporaryLayer.Make();
        var left = first.AsChanges().KeptIn!.Replace("-layer-", "-layer-left", StringComparison.Ordinal);
        Directory.CreateDirectory(left + "/upper");
        File.WriteAllText(left + ".lock", "");

        using var second = TemporaryLayer.Make();
        Assert.False(Path.Exists(left) || Path.Exists(left + ".lock"));
        Assert.True(Directory.Exists(first.AsChanges().KeptIn));
    }
}
