using ContainerKit.Images;

namespace ContainerKit.KernelTests;

/// <summary>Containers that start as their images say, on a writable layer.</summary>
public sealed class ImageContainerTests : IAsyncDisposable
{
    private const string Passwd = "root:x:0:0::/root:/bin/sh\nalice:x:1234:4321::/home/alice:\n1000:x:0:0::/:\n",
        Group = "root:x:0:\nstaff:x:50:bob,alice\nvideo:x:44:alice\nwheel:x:10:root,alic\n";

    private readonly StoreFixture _fixture = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task A_container_starts_as_its_image_says()
    {
        await using var writable = await MakeWritableAsync();
        var options = Options(writable, new()
        {
            EntryPoint = ["sh", "-c"],
            Command = ["echo $GREETING from $PWD to $(ls -d /data /srv/www); echo kept >/data/file"],
            Environment = ["GREETING=hello", "PATH=/usr/bin"],
            WorkingDirectory = "/app/of/mine",
            Volumes = ["/data", "/srv/www"],
        });

        Assert.Equal("hello from /app/of/mine to /data /srv/www", await Script.OutputAsync(options));
        Assert.Equal("kept", await Script.OutputAsync(options with { Command = ["cat", "/data/file"] }));
    }

    [RootFact]
    public async Task CVE_2023_25173_CVE_2016_3697_The_program_has_the_ids_that_the_root_gives_its_user()
    {
        await using var writable = await MakeWritableAsync();
        foreach (var (user, ids) in new Dictionary<string, string>
        {
            [""] = "0 0 10",
            ["alice"] = "1234 4321 44 50",
            ["1234"] = "1234 4321 44 50",
            ["alice:staff"] = "1234 50",
            ["1000"] = "1000 0",
            ["7:8"] = "7 8",
            ["7"] = "7 0",
        })
        {
            Assert.Equal(
                ids, await Script.OutputAsync(Options(writable, new() { User = user }, "echo $(id -u) $(id -G)")));
        }
    }

    [RootFact]
    public async Task CVE_2023_25173_Who_joins_has_the_groups_of_its_user()
    {
        await using var writable = await MakeWritableAsync();
        await using var container =
            await Container.StartAsync(Options(writable, new(), "sleep 1000"), Cancelled);
        await using var process = await container.ExecAsync(
            new() { Command = ["id", "-G"], User = "alice", StandardOutput = StandardStream.Capture(ByteSize.KiB(4)) }, Cancelled);
        var result = await Eventually.Ends(process.WaitForResultAsync(Cancelled));

        Assert.Equal("4321 44 50\n", result.StandardOutput);
    }

    [Theory]
    [InlineData("bob")]
    [InlineData("alice:nobody")]
    public async Task A_user_that_the_root_does_not_have_is_an_error(string user)
    {
        await using var writable = await MakeWritableAsync();
        var refusal = await Refusal.OfOptionsAsync(Options(writable, new() { User = user }, "true"));

        Assert.Contains("give a number", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CVE_2022_23648_A_volume_below_a_link_lies_in_the_root_or_nowhere()
    {
        using var outside = new TempDirectory();
        var layers = await LayersAsync(path =>
        {
            File.CreateSymbolicLink(path("inside"), "../../../etc");
            File.CreateSymbolicLink(path("outside"), outside.Path);
        });
        await using var writable = await _fixture.Store.CreateWritableAsync(layers, null, Cancelled);

        Assert.Equal("/etc/containerkit-made", await Script.OutputAsync(Options(
            writable, new() { Volumes = ["/inside/containerkit-made"] }, "ls -d /etc/containerkit-made")));
        Assert.False(Directory.Exists("/etc/containerkit-made"));
        await Refusal.OfStartAsync(Options(writable, new() { WorkingDirectory = "/outside/made" }, "true"));
        Assert.Empty(Directory.EnumerateFileSystemEntries(outside.Path));
    }

    [Fact]
    public async Task CVE_2019_16884_A_volume_at_proc_is_no_other_proc()
    {
        await using var writable = await MakeWritableAsync();
        var options = Options(
            writable, new() { Volumes = ["/proc", "/sys", "/dev/shm"] }, "stat -f -c %T /proc /sys /dev/shm");

        Assert.Equal("proc\nsysfs\ntmpfs", await Script.OutputAsync(options));
    }

    [Fact]
    public async Task CVE_2024_21626_An_images_working_directory_is_no_leaked_descriptor()
    {
        await using var writable = await MakeWritableAsync();
        for (var number = 3; number < 12; number++)
        {
            await Refusal.OfStartAsync(Options(
                writable, new() { WorkingDirectory = $"/proc/self/fd/{number}" }, "true"));
        }
    }

    [Fact]
    public async Task Directories_are_made_in_no_root_that_is_read_only()
    {
        using var root = new RootDirectory();
        var options = root.Options with { Directories = ["/made"] };

        var refusal = await Refusal.OfStartAsync(options);
        Assert.Contains("/made", refusal.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(root["made"]));
    }

    private async Task<WritableLayer> MakeWritableAsync() =>
        await _fixture.Store.CreateWritableAsync(await LayersAsync(_ => { }), null, Cancelled);

    private async Task<IReadOnlyList<Digest>> LayersAsync(Action<Func<string, string>> fill) =>
    [
        .. await _fixture.AddRootAsync(1),
        await _fixture.AddAsync(1, path =>
        {
            Directory.CreateDirectory(path("etc"));
            File.WriteAllText(path("etc/passwd"), Passwd);
            File.WriteAllText(path("etc/group"), Group);
            fill(path);
        }),
    ];

    private static ContainerOptions Options(WritableLayer writable, ImageDefaults defaults, string? script = null)
    {
        var config = new ImageConfig
        {
            Architecture = "amd64",
            OperatingSystem = "linux",
            Defaults = defaults,
            Layers = new() { Type = "layers", DiffIds = writable.Layers },
        };
        return (script is null ? config.CreateOptions(writable.Root)
            : config.CreateOptions(writable.Root, "sh", "-c", script)) with
        { Mounts = [new BindMount("/usr", "/usr")] };
    }
}
