namespace ContainerKit.KernelTests;

/// <summary>Paths that are hidden or kept from changes.</summary>
public class PathMaskTests
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_masked_file_is_the_null_device_and_a_masked_directory_empty(bool copyOnWrite)
    {
        using var root = new RootDirectory();
        File.WriteAllText(root["etc/secret"], "secret");
        Directory.CreateDirectory(root["etc/closed/below"]);
        root.Link("etc/link", "/etc/secret2");
        File.WriteAllText(root["etc/secret2"], "secret");
        var options = root.Options with
        {
            Root = RootFilesystem.Directory(root.Path, copyOnWrite ? CopyOnWrite.Temporary : null),
            MaskedPaths =
                ["/etc/secret", "/etc/closed", "/etc/link", "/etc/missing", "/etc/secret/missing", "/missing/below"],
            Command = ["sh", "-c", "cat /etc/secret /etc/secret2; stat -Lc %t:%T /etc/secret /etc/link; ls -A "
                + "/etc/closed; (: >/etc/closed/new) 2>/dev/null || echo refused"],
        };

        Assert.Equal("1:3\n1:3\nrefused", await Script.OutputAsync(options));
        Assert.Equal("secret", File.ReadAllText(root["etc/secret"]));
    }

    [Fact]
    public async Task Mounts_can_be_masked_and_kept_from_changes_too()
    {
        var options = Script.Shell("cat /tmp/a/file; ls -A /tmp/a/below; for p in /tmp/a/new /tmp/b/new; do (: >$p) "
            + "2>/dev/null || echo refused; done; ls /tmp/b") with
        {
            Mounts = [new TmpfsMount("/tmp/a"), new InlineFile("/tmp/a/file", "secret"),
                new InlineFile("/tmp/a/below/file", ""), new TmpfsMount("/tmp/b")],
            MaskedPaths = ["/tmp/a/file", "/tmp/a/below"],
            ReadOnlyPaths = ["/tmp/a", "/tmp/missing"],
        };

        Assert.Equal("refused\nnew", await Script.OutputAsync(options));
    }

    [Fact]
    public async Task A_read_only_path_is_so_with_all_below_and_can_be_a_file()
    {
        var options = Script.Shell("for p in /tmp/a/b/file /tmp/a/file /tmp/file; do (echo x >>$p) 2>/dev/null || echo "
            + "refused; done; mount -o remount,rw /tmp/a 2>/dev/null || echo refused") with
        {
            Mounts = [new TmpfsMount("/tmp/a"), new TmpfsMount("/tmp/a/b"), new BindMount("/etc/passwd", "/tmp/file")
                { ReadOnly = false }],
            ReadOnlyPaths = ["/tmp/a", "/tmp/file"],
        };

        Assert.Equal("refused\nrefused\nrefused\nrefused", await Script.OutputAsync(options));
    }

    [Fact]
    public async Task Parts_of_proc_can_be_masked_and_the_null_device_is_not_what_a_mount_made_of_it()
    {
        var options = Script.Shell("cat /proc/cpuinfo; ls -A /proc/sys/kernel | wc -l") with
        {
            Mounts = [new InlineFile("/dev/null", "not null")],
            MaskedPaths = ["/proc/cpuinfo", "/proc/sys/kernel"],
        };

        Assert.Equal("0", await Script.OutputAsync(options));
    }

    [Theory]
    [InlineData("../../../../../../../..")]
    [InlineData("")]
    public async Task CVE_2025_31133_A_link_to_outside_leads_to_the_same_path_inside(string up)
    {
        using var root = new RootDirectory();
        File.WriteAllText(Path.Combine(root.Canary, "file"), "canary");
        root.Link("link", $"{up}{root.Canary}/file");
        root.Link("linked", $"{up}{root.Canary}");
        var options = root.Options with
        {
            MaskedPaths = ["/link", "/linked", "/linked/file"],
            ReadOnlyPaths = ["/link", "/linked"],
            Command = ["true"],
        };

        await Script.OutputAsync(options);
        Assert.Equal("canary", File.ReadAllText(Path.Combine(root.Canary, "file")));
        File.Delete(Path.Combine(root.Canary, "file"));
        root.AssertCanaryUntouched();
    }

    [Fact]
    public async Task A_path_through_a_magic_link_fails_the_start()
    {
        var failure = await Refusal.OfStartAsync(Script.Shell("true") with { MaskedPaths = ["/proc/self/root/tmp"] });

        Assert.Equal(Errno.ELOOP, failure.Errno);
        Assert.Equal("the masked path '/proc/self/root/tmp'", failure.Cause);
    }

    [Fact]
    public async Task A_path_that_is_not_absolute_and_plain_is_refused()
    {
        foreach (string path in MountTargetTests.Impossible)
        {
            Assert.Contains(
                "MaskedPaths",
                (await Refusal.OfOptionsAsync(Script.Shell("true") with { MaskedPaths = [path] })).Message,
                StringComparison.Ordinal);
            Assert.Contains("ReadOnlyPaths",
                (await Refusal.OfOptionsAsync(Script.Shell("true") with { ReadOnlyPaths = [path] })).Message,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_hundred_paths_need_no_more_descriptors_than_one()
    {
        var paths = Enumerable.Range(0, 100).Select(number => $"/tmp/{number}").ToList();
        var mounts = paths.Select(path => (Mount)new InlineFile(path, "secret")).ToList();

        Assert.Equal("", await Script.OutputAsync(
            Script.Shell("cat /tmp/*") with { Mounts = mounts[..20], MaskedPaths = paths, ReadOnlyPaths = paths }));
    }
}
