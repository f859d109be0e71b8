namespace ContainerKit.KernelTests;

/// <summary>Directories that are no store, or not this user's to use.</summary>
public sealed class StoreRefusalTests : IDisposable
{
    private readonly TempDirectory _temp = new();

    public void Dispose() => _temp.Dispose();

    [Theory]
    [InlineData(0x1ED)] // 0755
    [InlineData(0x140)] // 0500
    [InlineData(0)]
    public void A_directory_that_holds_something_else_is_left_alone(int permissions)
    {
        _temp.Write("home/letter", "dear");
        var mode = (UnixFileMode)permissions;
        File.SetUnixFileMode(_temp["home"], mode);
        var refusal = Assert.Throws<LinuxException>(() => LayerStore.Open(_temp["home"]));

        Assert.Equal((Errno.ENOTEMPTY, _temp["home"]), (refusal.Errno, refusal.Path));
        Assert.Contains("'letter'", refusal.Message, StringComparison.Ordinal);
        Assert.Equal(mode, File.GetUnixFileMode(_temp["home"]));
        File.SetUnixFileMode(_temp["home"], (UnixFileMode)0x1C0);
        Assert.Single(Directory.EnumerateFileSystemEntries(_temp["home"]));
    }

    [Fact]
    public void A_file_is_refused() =>
        Assert.Equal(
            Errno.ENOTDIR, Assert.Throws<LinuxException>(() => LayerStore.Open(_temp.Write("file", ""))).Errno);

    [Fact]
    public async Task A_store_of_a_newer_version_is_refused_by_its_version()
    {
        await LayerStore.Open(_temp["store"]).DisposeAsync();
        await File.WriteAllTextAsync(_temp["store/version"], "2\n", TestContext.Current.CancellationToken);
        var refusal = Assert.Throws<InvalidImageException>(() => LayerStore.Open(_temp["store"]));

        Assert.Equal(("version", "2"), (refusal.Field, refusal.Value));
        Assert.Contains("newer version", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData(null)]
    public async Task A_store_that_does_not_say_whose_its_files_are_is_refused(string? said)
    {
        await LayerStore.Open(_temp["store"]).DisposeAsync();
        File.Delete(_temp["store/ids"]);
        if (said is not null)
        {
            await File.WriteAllTextAsync(_temp["store/ids"], said, TestContext.Current.CancellationToken);
        }

        Assert.Equal("ids", Assert.Throws<InvalidImageException>(() => LayerStore.Open(_temp["store"])).Entry);
    }

    [Fact]
    public async Task A_store_that_others_may_enter_is_refused()
    {
        await LayerStore.Open(_temp["store"]).DisposeAsync();
        File.SetUnixFileMode(_temp["store"], (UnixFileMode)0x1E8); // 0750
        var refusal = Assert.Throws<LinuxException>(() => LayerStore.Open(_temp["store"]));

        Assert.Equal(Errno.EPERM, refusal.Errno);
        Assert.Contains("chmod 0700", refusal.Message, StringComparison.Ordinal);
    }

    [RootFact]
    public async Task Somebody_elses_store_is_refused_even_to_root()
    {
        await LayerStore.Open(_temp["store"]).DisposeAsync();
        using (var chown = System.Diagnostics.Process.Start("chown", ["12345", _temp["store"]]))
        {
            await chown.WaitForExitAsync(TestContext.Current.CancellationToken);
        }

        var refusal = Assert.Throws<LinuxException>(() => LayerStore.Open(_temp["store"]));

        Assert.Equal(Errno.EPERM, refusal.Errno);
        Assert.Contains("belongs to user 12345", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_read_only_store_is_refused_as_one()
    {
        await LayerStore.Open(_temp["store"]).DisposeAsync();
        const string readOnly = "mount --bind \"$2\" \"$2\" && mount -o remount,bind,ro \"$2\" && exec \"$0\" \"$@\"";
        await using var host = HostProcess.StartThrough(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", readOnly], "store", _temp["store"]);
        await host.EndAsync();

        Assert.Contains("EROFS", host.Errors, StringComparison.Ordinal);
        Assert.Contains("can be written to", host.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_disk_is_said_and_leaves_a_whole_store_without_the_layer()
    {
        Directory.CreateDirectory(_temp["full"]);
        const string small = "mount -t tmpfs -o size=256k none \"$2\" && exec \"$0\" \"$@\"";
        await using var host = HostProcess.StartThrough(
            ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", small],
            "store", _temp["full"], $"{StoreFixture.DiffId(1)}", "fill");
        var (_, output) = await host.EndAsync();

        Assert.Equal("ENOSPC False True\n", output);
    }

    [Theory]
    [InlineData("layers")]
    [InlineData("staging")]
    [InlineData("removed")]
    [InlineData("locks")]
    [InlineData("version")]
    public async Task A_link_in_a_store_is_not_followed(string name)
    {
        await LayerStore.Open(_temp["store"]).DisposeAsync();
        Directory.CreateDirectory(_temp["canary"]);
        if (Directory.Exists(_temp[$"store/{name}"]))
        {
            Directory.Delete(_temp[$"store/{name}"], recursive: true);
        }

        File.Delete(_temp[$"store/{name}"]);
        File.CreateSymbolicLink(_temp[$"store/{name}"], _temp["canary"]);

        Assert.Equal(Errno.ELOOP, Assert.Throws<LinuxException>(() => LayerStore.Open(_temp["store"])).Errno);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_temp["canary"]));
    }
}
