namespace ContainerKit.HostileTests;

/// <summary>A container of the same host process is an attacker like any other.</summary>
public class NeighbourTests
{
    [RootFact]
    public async Task Found_while_designing_Neighbours_of_root_have_different_ids_on_the_host()
    {
        Assert.SkipUnless(Host.HasPython, "needs /usr/bin/python3");
        await using var neighbour = await Neighbour.StartAsync();
        var own = await Script.OutputAsync("cat /proc/self/uid_map");

        Assert.NotEqual(own.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], neighbour.HostUser);
    }

    [PythonFact]
    public async Task Found_while_designing_Neighbours_do_not_share_the_layer_over_a_shared_directory()
    {
        using var root = new RootDirectory();
        File.SetUnixFileMode(root.Path, (UnixFileMode)0x1FF); // 0777
        var options = root.Options with { Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary) };
        var outputs = await Task.WhenAll(Enumerable.Range(0, 8).Select(i =>
            Script.OutputAsync(options with { Command = ["sh", "-c", $"echo {i} > /own{i}; ls / | grep own"] })));

        Assert.Equal(Enumerable.Range(0, 8).Select(i => $"own{i}"), outputs);
    }

    [PythonFact]
    public async Task A_neighbour_that_renames_all_the_time_fails_no_look_up()
    {
        using var root = new RootDirectory();
        Directory.CreateDirectory(root["etc/real"]);
        await File.WriteAllTextAsync(root["etc/real/passwd"], "me:x:7:8::/:");
        File.CreateSymbolicLink(root["etc/passwd"], "../etc/../etc/real/../real/passwd");
        await using var neighbour = await Container.StartAsync(
            Script.Python("""
                import os
                open("/tmp/a", "w")
                while True:
                    os.rename("/tmp/a", "/tmp/b"); os.rename("/tmp/b", "/tmp/a")
                """),
            TestContext.Current.CancellationToken);

        for (var i = 0; i < TimeFactor.Times(100, soak: 2000); i++)
        {
            await Script.OutputAsync(root.Options with
            { User = "me:8", WorkingDirectory = "/etc/../etc/../etc/../etc/../etc/real/.." });
        }
    }
}
