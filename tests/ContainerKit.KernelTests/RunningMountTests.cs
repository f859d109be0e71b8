namespace ContainerKit.KernelTests;

/// <summary>Mounts that come and go while a container runs.</summary>
public class RunningMountTests
{
    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_directory_of_the_host_comes_and_goes(bool init)
    {
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        temp.Write("file", "of the host");
        await using var container = await StartAsync(new() { Command = ["sleep", "1000"], Init = init });
        await container.MountAsync(new BindMount(temp.Path, "/tmp/new/place"), Token);

        Assert.Equal("of the host",
            await OutputAsync(container, "cat /tmp/new/place/file; echo x 2>/dev/null >/tmp/new/place/file"));
        Assert.Equal("of the host", await ReadInHostAsync(temp["file"]));
        await container.UnmountAsync("/tmp/new/place", Token);
        Assert.Equal("", await OutputAsync(container, "ls -A /tmp/new/place"));
    }

    [PythonTheory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_program_that_moved_to_namespaces_of_its_own_gains_nothing_by_mounts_and_exec(bool init)
    {
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        temp.Write("file", "of the host");
        File.SetUnixFileMode(temp["file"], (UnixFileMode)0x1B6); // 0666
        await using var container = await StartAsync(Script.Python("""
            import ctypes, os, sys
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.unshare(0x10000000 | 0x20000) == 0: # CLONE_NEWUSER | CLONE_NEWNS
                open("/proc/self/uid_map", "w").write("1000 1000 1")
            print("up", flush=True)
            sys.stdin.readline()
            print("seen" if os.path.exists("/tmp/data/file") else "nothing", flush=True)
            libc.mount(None, b"/tmp/data", None, 32 | 4096, None) # MS_REMOUNT | MS_BIND
            open("/tmp/data/file", "w").write("of the program")
            """) with
        {
            Init = init,
            User = "1000:1000",
            MaxUserNamespaces = 1,
            StandardInput = StandardStream.Pipe,
            StandardOutput = StandardStream.Pipe,
        });
        using var output = new StreamReader(container.StandardOutput!);
        Assert.Equal("up", await output.ReadLineAsync(Token));
        await container.MountAsync(new BindMount(temp.Path, "/tmp/data"), Token);

        // It is where the container was born, and not where the program went, who sees none of it.
        Assert.Equal("of the host", await OutputAsync(container, "cat /tmp/data/file"));
        container.StandardInput!.Dispose();
        Assert.Equal("nothing", await output.ReadLineAsync(Token));
        Assert.True((await container.WaitAsync(Token)).IsSuccess);
        Assert.Equal("of the host", await ReadInHostAsync(temp["file"]));
    }

    [Fact]
    public async Task Every_kind_of_mount_comes_and_goes()
    {
        using var temp = new TempDirectory();
        var file = temp.Write("file", "content");
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        Directory.CreateDirectory(temp["other"]);
        Directory.CreateDirectory(temp["lower"]);
        temp.Write("lower/file", "content");
        await using var container = await StartAsync(new() { Command = ["sleep", "1000"] });
        var before = await MountsAsync(container);
        Mount[] mounts =
        [
            new BindMount(temp.Path, "/tmp/a") { ReadOnly = false, NoExec = true },
            new BindMount(file, "/tmp/b"),
            new TmpfsMount("/tmp/c") { Size = ByteSize.MiB(1) },
            new InlineFile("/tmp/d", "inline"),
            new SysfsMount("/tmp/e"),
            new MqueueMount("/tmp/f"),
            new DevptsMount("/tmp/g"),
            new DeviceMount("/dev/null", "/tmp/h"),
            new OverlayMount([temp["other"], temp["lower"]], "/tmp/i"),
        ];
        foreach (var mount in mounts)
        {
            await container.MountAsync(mount, Token);
        }

        Assert.Equal(
            "content\ncontent\ninline\n0\ncontent",
            await OutputAsync(container,
                "cat /tmp/a/file; echo; cat /tmp/b; echo; cat /tmp/d; echo; wc -c </tmp/h; cat /tmp/i/file"));
        foreach (var mount in mounts)
        {
            await container.UnmountAsync(mount.Target, Token);
        }

        Assert.Equal(before, await MountsAsync(container));
    }

    [Fact]
    public async Task The_last_at_a_place_goes_first()
    {
        await using var container = await StartAsync(new() { Command = ["sleep", "1000"] });
        await container.MountAsync(new InlineFile("/tmp/file", "one"), Token);
        await container.MountAsync(new InlineFile("/tmp/file", "two"), Token);
        Assert.Equal("two", await OutputAsync(container, "cat /tmp/file"));
        await container.UnmountAsync("/tmp/file", Token);
        Assert.Equal("one", await OutputAsync(container, "cat /tmp/file"));
        await container.UnmountAsync("/tmp/file", Token);
        Assert.Equal("", await OutputAsync(container, "cat /tmp/file"));
        await Assert.ThrowsAsync<ArgumentException>(() => container.UnmountAsync("/tmp/file", Token));
        await Assert.ThrowsAsync<ArgumentException>(() => container.UnmountAsync("/proc", Token));
    }

    [Fact]
    public async Task What_is_taken_away_is_what_was_mounted_wherever_its_path_leads_by_then()
    {
        await using var container = await StartAsync(new() { Command = ["sleep", "1000"] });
        await container.MountAsync(new TmpfsMount("/tmp/a/sys"), Token);
        await OutputAsync(container, "mv /tmp/a /tmp/b && ln -s /proc /tmp/a");
        const string count = "grep -c ' /tmp/b/sys ' /proc/self/mountinfo; grep -c ' /proc/sys ' /proc/self/mountinfo";
        Assert.Equal("1\n1", await OutputAsync(container, count));
        await container.UnmountAsync("/tmp/a/sys", Token);

        Assert.Equal("0\n1", await OutputAsync(container, count));
    }

    [Fact]
    public async Task A_target_leads_nowhere_but_into_the_container()
    {
        using var temp = new TempDirectory();
        await using var container = await StartAsync(new() { Command = ["sleep", "1000"] });
        await OutputAsync(container,
            $"ln -s {temp.Path} /tmp/out; ln -s ../../../../../..{temp.Path} /tmp/up; ln -s /proc/1/root /tmp/magic");
        foreach (var target in new[] { "/tmp/out/x", "/tmp/up/x", "/tmp/magic/tmp/x" })
        {
            await Assert.ThrowsAsync<LaunchException>(() => container.MountAsync(new TmpfsMount(target), Token));
        }

        Assert.Empty(Directory.GetFileSystemEntries(temp.Path));
        Assert.Equal("fine", await OutputAsync(container, "echo fine"));
    }

    [Fact]
    public async Task What_cannot_be_is_refused()
    {
        await using var container = await StartAsync(new() { Command = ["sleep", "1000"] });
        var before = await MountsAsync(container);
        await Assert.ThrowsAsync<ArgumentException>(() =>
            container.MountAsync(new BindMount("/usr", "/tmp/x") { MapIds = true }, Token));
        await Assert.ThrowsAsync<ArgumentException>(() => container.MountAsync(new BindMount("usr", "/tmp/x"), Token));
        await Assert.ThrowsAsync<ArgumentException>(() => container.MountAsync(new TmpfsMount("/tmp/../x"), Token));
        var missing = await Assert.ThrowsAsync<LaunchException>(() =>
            container.MountAsync(new BindMount("/no/such", "/tmp/x"), Token));
        Assert.Equal(("open_tree", Errno.ENOENT), (missing.Call, missing.Errno));
        var readOnly = await Assert.ThrowsAsync<LaunchException>(() =>
            container.MountAsync(new TmpfsMount("/usr/no/such"), Token));
        Assert.Contains("read-only", readOnly.Hint, StringComparison.Ordinal);
        Assert.Equal(before, await MountsAsync(container));
    }

    [Fact]
    public async Task After_the_end_it_says_so_and_nothing_is_left()
    {
        var before = await Leftovers.Before();
        var container = await StartAsync(new() { Command = ["sleep", "1000"] });
        await container.MountAsync(new TmpfsMount("/tmp/x"), Token);
        for (var i = 0; i < 10; i++)
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMicroseconds(i * 200));
            try
            {
                await container.MountAsync(new TmpfsMount("/tmp/y"), cancellation.Token);
            }
            catch (OperationCanceledException)
            {
                // As it should.
            }
        }

        await container.DisposeAsync();
        await before.AssertNone();
        Assert.Equal(
            Errno.ESRCH,
            (await Assert.ThrowsAsync<LaunchException>(() =>
                container.MountAsync(new TmpfsMount("/tmp/z"), Token))).Errno);
    }

    private static Task<Container> StartAsync(ContainerOptions options) => Container.StartAsync(options, Token);

    private static Task<string> ReadInHostAsync(string path) => File.ReadAllTextAsync(path, Token);

    private static Task<string> MountsAsync(Container container) =>
        OutputAsync(container, "cut -d' ' -f4- /proc/self/mountinfo");

    private static async Task<string> OutputAsync(Container container, string script)
    {
        var options = new ExecOptions
        { Command = ["sh", "-c", script], StandardOutput = StandardStream.Capture(ByteSize.MiB(1)) };
        await using var process = await container.ExecAsync(options, Token);
        return (await Eventually.Ends(process.WaitForResultAsync(Token))).StandardOutput.TrimEnd('\n');
    }
}
