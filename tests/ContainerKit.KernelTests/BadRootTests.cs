namespace ContainerKit.KernelTests;

/// <summary>Root directories that are none, or that cannot be entered.</summary>
public class BadRootTests
{
    [Fact]
    public async Task A_missing_root_is_named()
    {
        using var temp = new TempDirectory();
        var refusal = await Refusal.OfAsync<LinuxException>(On(temp["missing"]));

        Assert.Equal(Errno.ENOENT, refusal.Errno);
        Assert.Contains(temp["missing"], refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_root_that_is_a_file_is_named()
    {
        using var temp = new TempDirectory();
        var refusal = await Refusal.OfAsync<LinuxException>(On(temp.Write("file", "")));

        Assert.Contains(refusal.Errno, new[] { Errno.EINVAL, Errno.ENOTDIR });
        Assert.Contains(temp["file"], refusal.Message, StringComparison.Ordinal);
        Assert.Contains("directory", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_root_that_is_a_loop_of_links_is_named()
    {
        using var temp = new TempDirectory();
        File.CreateSymbolicLink(temp["a"], "b");
        File.CreateSymbolicLink(temp["b"], "a");
        var refusal = await Refusal.OfAsync<LinuxException>(On(temp["a"]));

        Assert.Equal(Errno.ELOOP, refusal.Errno);
        Assert.Contains(temp["a"], refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_root_that_cannot_be_entered_says_so()
    {
        using var root = new RootDirectory();
        var parent = Path.GetDirectoryName(root.Path)!;
        File.SetUnixFileMode(parent, UnixFileMode.None);
        try
        {
            var refusal = await Refusal.OfAsync<LinuxException>(root.Options);

            Assert.Equal(Errno.EACCES, refusal.Errno);
            Assert.Contains(root.Path, refusal.Message, StringComparison.Ordinal);
        }
        finally
        {
            File.SetUnixFileMode(parent, (UnixFileMode)0x1ED); // 0755
        }
    }

    [RootFact]
    public async Task A_root_whose_files_the_containers_user_may_not_read_says_so()
    {
        using var root = new RootDirectory();
        File.SetUnixFileMode(root.Path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        var refusal = await Refusal.OfStartAsync(root.Options);

        Assert.Equal(Errno.EACCES, refusal.Errno);
        Assert.Contains("user", refusal.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("relative")]
    [InlineData("")]
    [InlineData("/a\0b")]
    public async Task A_root_is_an_absolute_path(string path) => await Refusal.OfOptionsAsync(On(path));

    [Theory]
    [InlineData("proc")]
    [InlineData("dev")]
    [InlineData("sys")]
    [InlineData("tmp")]
    [InlineData("run")]
    public async Task A_root_without_a_place_for_the_private_mounts_says_what_to_do(string name)
    {
        using var root = new RootDirectory();
        Directory.Delete(root[name]);
        var refusal = await Refusal.OfStartAsync(root.Options);

        Assert.Equal(Errno.ENOENT, refusal.Errno);
        Assert.Contains("copy-on-write", refusal.Hint, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("proc")]
    [InlineData("dev")]
    [InlineData("sys")]
    [InlineData("tmp")]
    [InlineData("run")]
    public async Task A_file_in_the_place_of_a_private_mount_is_refused(string name)
    {
        using var root = new RootDirectory();
        Directory.Delete(root[name]);
        File.WriteAllText(root[name], "");

        var refusal = await Refusal.OfStartAsync(root.Options);

        Assert.Contains(refusal.Errno, new[] { Errno.EINVAL, Errno.ENOTDIR });
        Assert.Contains("A directory can only be mounted on a directory", refusal.Hint, StringComparison.Ordinal);
    }

    private static ContainerOptions On(string path) =>
        Script.Shell("true") with { Root = RootFilesystem.Directory(path) };
}
