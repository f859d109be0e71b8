namespace ContainerKit.KernelTests;

/// <summary>Places to mount on that lead elsewhere than they say.</summary>
public class MountTargetTests
{
    public static TheoryData<string> Impossible =>
        ["", "/", "//", "relative", ".", "..", "/..", "/../etc", "/a/../b", "/a/./b", "/a//b", "/a/", "/a/..", "/a\0b"];

    [Theory]
    [MemberData(nameof(Impossible))]
    public async Task A_target_that_is_not_absolute_and_plain_is_refused_before_anything_is_made(string target)
    {
        foreach (var mount in new Mount[]
            { new TmpfsMount(target), new BindMount("/usr", target), new InlineFile(target, "") })
        {
            Assert.Contains(
                "target", (await Refusal.OfOptionsAsync(Script.Shell("true") with { Mounts = [mount] })).Message,
                StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task CVE_2018_15664_A_link_to_outside_leads_to_the_same_path_inside(bool relative, bool copyOnWrite)
    {
        using var root = new RootDirectory();
        root.Link("link", relative ? $"../../../../../../../../..{root.Canary}" : root.Canary);
        foreach (var target in new[] { "/link/made", "/link/deep/er" })
        {
            foreach (var mount in new Mount[]
                { new TmpfsMount(target), new BindMount("/usr", target), new InlineFile(target, "x") })
            {
                var options = root.With(mount);
                if (copyOnWrite)
                {
                    options = options with { Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary) };
                }

                await Assert.ThrowsAsync<LaunchException>(() => Script.RunAsync(options));
                root.AssertCanaryUntouched();
            }
        }
    }

    [Fact]
    public async Task A_link_within_the_root_is_followed_within_the_root()
    {
        using var root = new RootDirectory();
        Directory.CreateDirectory(root["real/place"]);
        root.Link("link", "/real");

        Assert.Equal("content", await Script.OutputAsync(
            root.With(new TmpfsMount("/link/place")) with
            { Command = ["sh", "-c", "echo content > /real/place/file; cat /link/place/file"] }));
        Assert.Empty(Directory.EnumerateFileSystemEntries(root["real/place"]));
    }

    [Fact]
    public async Task A_directory_cannot_be_mounted_over_a_file_nor_a_file_over_a_directory()
    {
        using var root = new RootDirectory();
        File.WriteAllText(root["file"], "");
        Directory.CreateDirectory(root["directory"]);

        foreach (var mount in new Mount[]
            { new BindMount("/usr", "/file"), new TmpfsMount("/file"), new InlineFile("/directory", "x") })
        {
            var refusal = await Refusal.OfStartAsync(root.With(mount));
            Assert.Contains(refusal.Errno, new[] { Errno.EINVAL, Errno.ENOTDIR });
            Assert.Contains("A directory can only be mounted on a directory", refusal.Hint, StringComparison.Ordinal);
            Assert.Contains(mount.Target, refusal.Cause, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_missing_target_on_a_read_only_root_says_what_to_do()
    {
        using var root = new RootDirectory();
        foreach (var mount in new Mount[]
            { new TmpfsMount("/missing"), new TmpfsMount("/missing/below"), new InlineFile("/missing", "x") })
        {
            var refusal = await Refusal.OfStartAsync(root.With(mount));
            Assert.Equal(Errno.ENOENT, refusal.Errno);
            Assert.Contains("copy-on-write", refusal.Hint, StringComparison.Ordinal);
            Assert.False(Path.Exists(root["missing"]), "It was made on the host.");
        }
    }

    [Fact]
    public async Task A_source_that_is_missing_is_named()
    {
        using var temp = new TempDirectory();
        var refusal = await Refusal.OfStartAsync(
            Script.Shell("true") with { Mounts = [new BindMount(temp["missing"], "/tmp/x")] });

        Assert.Equal(Errno.ENOENT, refusal.Errno);
        Assert.Contains(temp["missing"], refusal.Message, StringComparison.Ordinal);
        await Refusal.OfOptionsAsync(Script.Shell("true") with { Mounts = [new BindMount("relative", "/tmp/x")] });
        await Refusal.OfOptionsAsync(Script.Shell("true") with { Mounts = [new BindMount("/a\0b", "/tmp/x")] });
    }

    [Theory]
    [InlineData("proc")]
    [InlineData("sys")]
    [InlineData("dev")]
    [InlineData("tmp")]
    [InlineData("run")]
    public async Task CVE_2019_19921_CVE_2023_27561_CVE_2026_41579_A_private_mount_goes_through_no_link(string name)
    {
        using var root = new RootDirectory();
        Directory.CreateDirectory(root["real"]);
        foreach (var target in new[] { root.Canary, "../canary", "real", "/real", "/proc/self/cwd", "nowhere" })
        {
            root.Link(name, target);
            foreach (var changes in new[] { null, CopyOnWrite.Temporary })
            {
                var options = root.Options with { Root = RootFilesystem.Directory(root.Path, changes) };
                var refusal = await Refusal.OfStartAsync(options);
                Assert.Contains(refusal.Errno, new[] { Errno.ELOOP, Errno.ENOTDIR, Errno.EINVAL });
            }

            root.AssertCanaryUntouched();
            Assert.Empty(Directory.EnumerateFileSystemEntries(root["real"]));
            File.Delete(root[name]);
        }
    }

    [Theory]
    [InlineData("/proc/self/cwd/x")]
    [InlineData("/proc/self/root/tmp/x")]
    [InlineData("/proc/1/fd/3")]
    [InlineData("/proc/thread-self/cwd")]
    [InlineData("/dev/fd/0")]
    public async Task A_target_is_never_reached_through_a_magic_link(string target)
    {
        var refusal = await Refusal.OfStartAsync(Script.Shell("true") with { Mounts = [new InlineFile(target, "x")] });

        Assert.Contains(refusal.Errno, new[] { Errno.ELOOP, Errno.ENOENT, Errno.EACCES, Errno.EPERM });
    }

    [Fact]
    public async Task CVE_2025_24965_A_file_is_written_through_no_link_of_the_root()
    {
        using var root = new RootDirectory();
        root.Link("etc/motd", Path.Combine(root.Canary, "motd"));
        var options = root.With(new InlineFile("/etc/motd", "written")) with
        { Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary) };

        await Refusal.OfAsync<LinuxException>(options);
        root.AssertCanaryUntouched();
    }
}
