namespace ContainerKit.KernelTests;

/// <summary>What a container sees of files, and where what it writes goes.</summary>
public class FilesystemTests
{
    [Theory]
    [InlineData("/home")]
    [InlineData("/root")]
    [InlineData("/var")]
    [InlineData("/srv")]
    [InlineData("/opt")]
    [InlineData("/mnt")]
    [InlineData("/media")]
    [InlineData("/boot")]
    public async Task HostSystem_shows_nothing_of_it(string path) =>
        Assert.Equal("absent", await Script.OutputAsync($"[ -e {path} ] || echo absent"));

    [Theory]
    [InlineData("/tmp")]
    [InlineData("/run")]
    [InlineData("/dev/shm")]
    public async Task HostSystem_has_an_empty_one_of_its_own(string path) =>
        Assert.Equal("", await Script.OutputAsync($"ls -A {path}"));

    [Fact]
    public async Task HostSystem_has_nothing_else_at_its_root()
    {
        string[] allowed =
            ["bin", "dev", "etc", "lib", "lib32", "lib64", "libx32", "proc", "run", "sbin", "sys", "tmp", "usr"];

        Assert.Empty((await Script.OutputAsync("ls -A /")).Split('\n').Except(allowed));
    }

    [Fact]
    public async Task HostSystem_has_no_accounts_and_no_secrets_of_the_host()
    {
        var files = (await Script.OutputAsync("find /etc -maxdepth 1 -mindepth 1 -printf '%f\\n'")).Split('\n');

        Assert.Empty(
            files.Intersect(["shadow", "gshadow", "sudoers", "ssh", "machine-id", "subuid", "subgid", "fstab",
                "environment", "NetworkManager"]));
        Assert.Equal("", await Script.OutputAsync(
            "ls -d /etc/ssl/private 2>/dev/null; cut -d: -f1 /etc/passwd | grep -vxE 'root|nobody'; true"));
    }

    [Fact]
    public async Task HostSystem_cannot_be_written()
    {
        var output = await Script.OutputAsync("for d in / /usr /usr/bin /etc /etc/ssl/certs /bin /dev /sys "
            + "/proc/sys/kernel; do (: > $d/x) 2>/dev/null && echo $d; done; true");

        Assert.Equal("", output);
    }

    [Fact]
    public async Task A_directory_is_read_only_without_copy_on_write()
    {
        using var root = new RootDirectory();
        File.SetUnixFileMode(root["etc"], (UnixFileMode)0x1FF); // 0777: not the permissions keep it from writing
        var output =
            await Script.OutputAsync(root.Options with
            {
                Command = ["sh", "-c",
                    "(: > /etc/new) 2>/dev/null || echo refused; mount -o remount,rw / 2>/dev/null || echo refused"]
            });

        Assert.Equal("refused\nrefused", output);
        Assert.Empty(Directory.EnumerateFileSystemEntries(root["etc"]));
    }

    [Fact]
    public async Task Changes_to_a_copy_on_write_root_are_seen_inside_and_never_reach_the_directory()
    {
        using var root = new RootDirectory();
        File.SetUnixFileMode(root.Path, (UnixFileMode)0x1FF); // 0777
        File.WriteAllText(root["old"], "old");
        File.SetUnixFileMode(root["old"], (UnixFileMode)0x1B6); // 0666
        var options = root.Options with
        {
            Root = RootFilesystem.Directory(root.Path, CopyOnWrite.Temporary),
            Command = ["sh", "-c",
                "cat /old; echo changed > /old; echo new > /new; cat /old /new; rm /old; [ -e /old ] || echo gone"],
        };

        Assert.Equal("oldchanged\nnew\ngone", await Script.OutputAsync(options));
        Assert.Equal("old", File.ReadAllText(root["old"]));
        Assert.False(File.Exists(root["new"]));
        Assert.Equal("old",
            await Script.OutputAsync(options with { Command = ["sh", "-c", "cat /old; ls /new 2>/dev/null; true"] }));
    }

    [Fact]
    public async Task Changes_kept_in_a_directory_are_there_for_the_next_container()
    {
        using var root = new RootDirectory();
        using var kept = new TempDirectory();
        File.SetUnixFileMode(root.Path, (UnixFileMode)0x1FF); // 0777
        var options = root.Options with { Root = RootFilesystem.Directory(root.Path, CopyOnWrite.In(kept.Path)) };

        await Script.OutputAsync(options with { Command = ["sh", "-c", "echo kept > /new"] });
        Assert.Equal("kept", await Script.OutputAsync(options with { Command = ["cat", "/new"] }));
        Assert.False(File.Exists(root["new"]));
        Assert.Equal("kept\n", File.ReadAllText(kept["upper/new"]));
        // or it could not be removed
        File.SetUnixFileMode(
            kept["work/work"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    [Fact]
    public async Task A_copy_on_write_layer_in_memory_is_full_at_its_size()
    {
        if (TemporaryLayer.IsNeeded)
        {
            return; // before Linux 6.6 it is not in memory
        }

        using var root = new RootDirectory();
        File.SetUnixFileMode(root.Path, (UnixFileMode)0x1FF); // 0777
        var changes = CopyOnWrite.Temporary with { Size = ByteSize.MiB(1) };
        var result = await Script.RunAsync(root.Options with
        {
            Root = RootFilesystem.Directory(root.Path, changes),
            Command = ["dd", "if=/dev/zero", "of=/file", "bs=64k", "count=64"],
        });

        Assert.Contains("No space left", result.StandardError, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_empty_root_has_only_the_mounts_and_cannot_be_written()
    {
        Mount[] mounts =
            [new BindMount("/usr", "/usr"), new BindMount("/usr/lib64", "/lib64"), new BindMount("/usr/lib", "/lib")];
        var output = await Script.OutputAsync(new ContainerOptions
        {
            Root = RootFilesystem.Empty,
            Mounts = mounts,
            Command = ["/usr/bin/sh", "-c", "/usr/bin/mkdir /new 2>&-; /usr/bin/ls -A /"],
        });

        Assert.Equal("dev\nlib\nlib64\nproc\nrun\nsys\ntmp\nusr", output);
    }

    [Fact]
    public async Task EntireHost_shows_the_hosts_files_and_cannot_be_written()
    {
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        temp.Write("file", "of the host");

        // What lies in /tmp is hidden by the container's own.
        var expected = temp.Path.StartsWith("/tmp/", StringComparison.Ordinal) ? "hidden" : "of the host";
        Assert.Equal(expected, await Script.OutputAsync(
            Script.Shell($"cat {temp["file"]} 2>/dev/null || echo hidden") with { Root = RootFilesystem.EntireHost }));
        Assert.Equal("refused", await Script.OutputAsync(
            Script.Shell("grep -q . /etc/passwd && mkdir /var/tmp/containerkit-new 2>/dev/null || echo refused") with
            { Root = RootFilesystem.EntireHost }));
    }

    [Fact]
    public async Task A_bind_mount_is_read_only_unless_said_otherwise()
    {
        using var temp = Shared();
        temp.Write("file", "host");
        var options = Script.Shell("cat /tmp/data/file; (echo inside > /tmp/data/new) 2>/dev/null || echo refused");

        Assert.Equal(
            "hostrefused", await Script.OutputAsync(options with { Mounts = [new BindMount(temp.Path, "/tmp/data")] }));
        Assert.Equal("host", await Script.OutputAsync(
            options with { Mounts = [new BindMount(temp.Path, "/tmp/data") { ReadOnly = false }] }));
        Assert.Equal("inside\n", File.ReadAllText(temp["new"]));
    }

    [Fact]
    public async Task A_file_can_be_mounted_by_itself()
    {
        using var temp = Shared();
        temp.Write("file", "host");
        temp.Write("secret", "secret");
        Mount mount = new BindMount(temp["file"], "/tmp/deep/below/file");

        Assert.Equal("hostfile", await Script.OutputAsync(
            Script.Shell("cat /tmp/deep/below/file; ls /tmp/deep/below") with { Mounts = [mount] }));
    }

    [Fact]
    public async Task A_bind_mount_has_no_devices_and_no_setuid_programs()
    {
        using var temp = Shared();
        var options = (string?)await Script.OutputAsync(Script.Shell("grep ' /tmp/data ' /proc/self/mountinfo") with
        { Mounts = [new BindMount(temp.Path, "/tmp/data")] });

        Assert.Contains("nosuid", options, StringComparison.Ordinal);
        Assert.Contains("nodev", options, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tmpfs_is_full_at_its_size_in_bytes_and_in_files()
    {
        var options = Script.Shell("cd /tmp/small; dd if=/dev/zero of=file bs=4k count=1000; rm file; i=0; while : > "
            + "f$i; do i=$((i+1)); done; exit 0") with
        {
            Mounts = [new TmpfsMount("/tmp/small") { Size = ByteSize.KiB(64) }],
        };
        var result = await Script.RunAsync(options with { MaxProcesses = 64 });

        Assert.Contains("No space left", result.StandardError, StringComparison.Ordinal);
        Assert.InRange(result.StandardError.Split('\n')
            .Count(line => line.Contains("No space left", StringComparison.Ordinal)), 1, 2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(4095)]
    public async Task A_tmpfs_smaller_than_a_page_is_refused(long bytes) =>
        await Refusal.OfOptionsAsync(
            Script.Shell("true") with { Mounts = [new TmpfsMount("/tmp/x") { Size = new(bytes) }] });

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4096)]
    [InlineData(1_000_003)]
    public async Task An_inline_file_holds_its_bytes_and_cannot_be_changed(int length)
    {
        var bytes = new byte[length];
        new Random(length).NextBytes(bytes);
        var output = await Script.OutputAsync(Script.Shell("sha256sum < /tmp/file; (echo x >> /tmp/file) 2>/dev/null "
            + "|| echo refused; rm -f /tmp/file 2>/dev/null || echo refused") with
        {
            Mounts = [new InlineFile("/tmp/file", bytes)],
        });

        Assert.Equal(
            $"{Convert.ToHexStringLower(System.Security.Cryptography.SHA256.HashData(bytes))}  -\nrefused\nrefused",
            output);
    }

    [Fact]
    public async Task A_mount_hides_an_earlier_one_at_the_same_place()
    {
        Mount[] mounts = [new InlineFile("/tmp/a/file", "first"), new TmpfsMount("/tmp/a"),
            new InlineFile("/tmp/a/other", "second")];

        Assert.Equal("other", await Script.OutputAsync(Script.Shell("ls /tmp/a") with { Mounts = mounts }));
    }

    private static TempDirectory Shared()
    {
        var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        return temp;
    }
}
