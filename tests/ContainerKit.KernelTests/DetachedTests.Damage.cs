namespace ContainerKit.KernelTests;

/// <content>What is written of a container and was damaged since.</content>
public sealed partial class DetachedTests
{
    public static TheoryData<string, string> Damages
    {
        get
        {
            TheoryData<string, string> damages = [];
            string[] other = ["missing", "random", "directory", "fifo", "link"];
            foreach (var (file, hows) in new (string, string[])[]
            {
                ("container.json", [.. other, "empty", "short", "zeros"]),
                ("status", [.. other, "empty", "short", "zeros"]), ("lock", other), ("control", other),
            })
            {
                damages.AddRange([.. hows.Select(how => new TheoryDataRow<string, string>(file, how))]);
            }

            foreach (var json in new[]
            {
                "null", "[]", "7", "{\"Version\":1}", "{\"Version\":-1}", "{\"Version\":\"1\"}",
                "{\"Version\":1,\"IdMap\":\"NoSuchMap\"}", "{\"Version\":1,\"IdMap\":null}",
                "{\"Version\":1,\"IdMap\":\"RangesIdMap\",\"UserRanges\":\"0 0\",\"GroupRanges\":\"x\"}",
                "{\"Version\":1,\"IdMap\":\"SingleIdMap\",\"ResourceLimits\":[\"1\"]}",
                "{\"Version\":1,\"IdMap\":\"SingleIdMap\",\"ResourceLimits\":[null]}",
                "{\"Version\":1,\"IdMap\":\"SingleIdMap\",\"Groups\":null,\"Environment\":null,\"Root\":null}",
                "{\"Version\":1,\"IdMap\":\"SingleIdMap\",\"Root\":\"relative\",\"Cgroup\":\"/no/such\"}",
                "{\"Version\":1,\"IdMap\":\"IdentityIdMap\",\"Root\":\"EmptyRoot\",\"FirstNamespace\":-5,"
                    + "\"ForeignNamespaces\":4294967295,\"OtherNamespaces\":4294967295,\"StopTimeout\":\"-1\"}",
            })
            {
                damages.Add("container.json", json);
            }

            return damages;
        }
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Whatever_is_damaged_is_listed_and_said_and_removed_with_its_program(string file, string how)
    {
        var before = await Leftovers.Before();
        int program, supervisor;
        await using (var container = await _host.StartDetachedAsync("damaged", Sleeper, Cancelled))
        {
            program = container.Pid;
            supervisor = ProcessTree.Find(ProcessTree.Find(program)!.Value.Parent)!.Value.Parent;
        }

        Damage(_temp[$"state/containers/damaged/{file}"], how);
        await Eventually.Ends(ListAttachAndUseAsync());
        if (file == "control")
        {
            var failure = await Assert.ThrowsAsync<LaunchException>(
                () => Eventually.Ends(_host.RemoveAsync("damaged", Cancelled)));
            Assert.Equal(Errno.EINVAL, failure.Errno);
            Assert.Contains($"kill its supervisor, process {supervisor},", failure.Hint, StringComparison.Ordinal);
            Native.Kill(supervisor, Signal.SIGKILL);
        }

        await Eventually.Ends(_host.RemoveAsync("damaged", Cancelled));
        await Eventually.Gone(program);
        await AssertNothingIsKeptAsync();
        await before.AssertNone();
    }

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task Whatever_is_damaged_of_one_that_has_ended_is_listed_and_said_and_removed(string file, string how)
    {
        await using (var container = await _host.StartDetachedAsync("damaged", new() { Command = ["true"] }, Cancelled))
        {
            await Eventually.Ends(container.WaitAsync(Cancelled));
        }

        Damage(_temp[$"state/containers/damaged/{file}"], how);
        await Eventually.Ends(ListAttachAndUseAsync());
        await Eventually.Ends(_host.RemoveAsync("damaged", Cancelled));
        await AssertNothingIsKeptAsync();
    }

    private async Task AssertNothingIsKeptAsync()
    {
        Assert.Empty(await _host.ListAsync(Cancelled));
        Assert.Equal(
            [".lock"], Directory.EnumerateFileSystemEntries(_temp["state/containers"]).Select(Path.GetFileName));
    }

    private async Task ListAttachAndUseAsync()
    {
        await _host.ListAsync(Cancelled);
        try
        {
            await using var attached = await _host.AttachAsync("damaged", Cancelled);
            attached.SendSignal(Signal.SIGWINCH);
            await using var executed = await attached.ExecAsync(new() { Command = ["true"] }, Cancelled);
            await executed.WaitAsync(Cancelled);
        }
        catch (LaunchException)
        {
            // which says what
        }
    }

    private static void Damage(string path, string how)
    {
        if (how.Contains('{', StringComparison.Ordinal) || how is "null" or "[]" or "7")
        {
            File.WriteAllText(path, how);
            return;
        }

        var length = (int)new FileInfo(path).Length;
        File.Delete(path);
        switch (how)
        {
            case "missing":
                break;
            case "directory":
                Directory.CreateDirectory(path);
                break;
            case "fifo":
                Tools.Run("mkfifo", path);
                break;
            case "link":
                File.CreateSymbolicLink(path, "/dev/zero");
                break;
            default:
                var content = new byte[how switch { "empty" => 0, "short" => length / 2, _ => length }];
                if (how is not "zeros")
                {
                    new Random(1).NextBytes(content);
                }

                File.WriteAllBytes(path, content);
                break;
        }
    }
}
