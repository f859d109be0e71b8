namespace ContainerKit.KernelTests;

/// <summary>Directories of the host laid over each other.</summary>
public sealed class OverlayMountTests : IDisposable
{
    private readonly TempDirectory _temp = new();
    private readonly string[] _lower;

    public OverlayMountTests()
    {
        File.SetUnixFileMode(_temp.Path, (UnixFileMode)0x1ED); // 0755
        _temp.Write("top/both", "top");
        _temp.Write("bottom/both", "bottom");
        _temp.Write("bottom/one", "bottom");
        _lower = [_temp["top"], _temp["bottom"]];
    }

    public void Dispose()
    {
        if (Directory.Exists(_temp["changes/work/work"]))
        {
            File.SetUnixFileMode(
                _temp["changes/work/work"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }

        _temp.Dispose();
    }

    [Fact]
    public async Task Without_an_upper_directory_it_is_read_only() =>
        Assert.Equal("topbottomrefused", await Script.OutputAsync(Mounting(
            new OverlayMount(_lower, "/tmp/x"),
            "cat /tmp/x/both /tmp/x/one; (: >/tmp/x/new) 2>/dev/null || echo refused")));

    [Theory]
    [InlineData("upper")]
    [InlineData("a, b:c=\\d")]
    public async Task Changes_go_to_the_upper_directory_whatever_its_name(string name)
    {
        var mount = WithChanges(name);
        Assert.Equal("new", await Script.OutputAsync(
            Mounting(mount, "echo new >/tmp/x/both; rm /tmp/x/one; cat /tmp/x/both; ls /tmp/x | grep -v both; true")));

        Assert.Equal("new\n", File.ReadAllText(Path.Combine(mount.Upper!, "both")));
        Assert.Equal(("top", "bottom"), (File.ReadAllText(_temp["top/both"]), File.ReadAllText(_temp["bottom/one"])));
        Assert.Equal("both", await Script.OutputAsync(Mounting(mount, "ls /tmp/x")));
    }

    [Fact]
    public async Task It_can_lie_beside_a_copy_on_write_root_and_another_overlay()
    {
        using var root = new RootDirectory();
        File.SetUnixFileMode(root.Path, (UnixFileMode)0x1FF); // 0777
        Directory.CreateDirectory(root["a"]);
        Directory.CreateDirectory(root["b"]);
        var options = root.Options with
        {
            Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary),
            Mounts = [.. root.Options.Mounts, new OverlayMount(_lower, "/a"),
                new OverlayMount(["/usr/bin", .. _lower], "/b")],
            Command = ["sh", "-c", "cat /a/both; [ -e /b/sh ] && cat /b/one; : >/new"],
        };

        Assert.Equal("topbottom", await Script.OutputAsync(options));
    }

    [Fact]
    public async Task As_many_lower_directories_as_there_can_be_are_laid_over_each_other()
    {
        var lower = Enumerable.Range(0, 24)
            .Select(number => Path.GetDirectoryName(_temp.Write($"{number}/f{number}", ""))!).ToList();

        Assert.Equal("24", await Script.OutputAsync(Mounting(new OverlayMount(lower, "/tmp/x"), "ls /tmp/x | wc -l")));
        await RefusedAsync(new OverlayMount([.. lower, _temp.Path], "/tmp/x"), "24");
    }

    [Fact]
    public async Task A_lower_directory_that_is_missing_or_a_file_fails_the_start()
    {
        Assert.Equal(
            Errno.ENOENT,
            (await Refusal.OfStartAsync(
                Mounting(new OverlayMount([.. _lower, _temp["missing"]], "/tmp/x"), "true"))).Errno);
        await Refusal.OfStartAsync(Mounting(new OverlayMount([.. _lower, _temp["top/both"]], "/tmp/x"), "true"));
        await Refusal.OfStartAsync(Mounting(WithChanges("upper") with { Upper = _temp["changes/missing"] }, "true"));
    }

    [Fact]
    public async Task What_cannot_be_an_overlay_is_refused()
    {
        var changes = WithChanges("upper");
        await RefusedAsync(new OverlayMount([], "/tmp/x"), "1 to 24");
        await RefusedAsync(new OverlayMount([_temp["top"]], "/tmp/x"), "BindMount");
        await RefusedAsync(new OverlayMount(["top", "bottom"], "/tmp/x"), "'top'");
        await RefusedAsync(new OverlayMount(["/a\0b", "/c"], "/tmp/x"), "NUL");
        await RefusedAsync(changes with { Work = null }, "neither");
        await RefusedAsync(changes with { Upper = null }, "neither");
        await RefusedAsync(changes with { Work = _temp["top"] }, "two directories in one");
        await RefusedAsync(changes with { Work = changes.Upper }, "two directories in one");
        await RefusedAsync(changes with { Upper = "/", Work = "/" }, "two directories in one");
        await RefusedAsync(changes with { Upper = _temp["changes/.."] }, "names");
        File.SetUnixFileMode(_temp["changes"], (UnixFileMode)0x1ED); // 0755
        await RefusedAsync(changes, "chmod 0700");
    }

    private OverlayMount WithChanges(string name)
    {
        Directory.CreateDirectory(_temp[$"changes/{name}"]);
        Directory.CreateDirectory(_temp["changes/work"]);
        File.SetUnixFileMode(_temp["changes"], (UnixFileMode)0x1C0); // 0700
        return new OverlayMount(_lower, "/tmp/x") { Upper = _temp[$"changes/{name}"], Work = _temp["changes/work"] };
    }

    private static async Task RefusedAsync(OverlayMount mount, string said) =>
        Assert.Contains(said, (await Refusal.OfOptionsAsync(Mounting(mount, "true"))).Message,
            StringComparison.Ordinal);

    private static ContainerOptions Mounting(Mount mount, string script) =>
        Script.Shell(script) with { Mounts = [mount] };
}
