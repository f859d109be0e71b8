using System.Diagnostics;
using System.Globalization;
using System.IO.Compression;
using ContainerKit.Images;
using ContainerKit.Tests.Images;

namespace ContainerKit.KernelTests;

/// <summary>Hosts that load images: many at once, killed, and on a file system that is full.</summary>
public sealed class LoadingHostTests : IAsyncDisposable
{
    private readonly ImageFixture _fixture = new();

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => _fixture.DisposeAsync();

    [Fact]
    public async Task Sixteen_hosts_that_load_overlapping_images_at_once_read_each_layer_once()
    {
        var layers = Enumerable.Range(0, 6).Select(i => LayerArchive.OfFiles(60, $"layer{i}")).ToArray();
        var sources = Enumerable.Range(0, 4).Select(i => _fixture.Write(Codec.Gzip, layers[i..(i + 3)])).ToArray();
        var hosts = Enumerable.Range(0, 16).Select(i => HostProcess.Start("load", _fixture.StorePath, sources[i % 4])).ToList();
        try
        {
            foreach (var host in hosts)
            {
                Assert.Equal("ready", await host.ReadLineAsync());
            }

            await Task.WhenAll(hosts.Select(host => host.WriteLineAsync("go")));
            var results = await Task.WhenAll(hosts.Select(async host =>
            {
                var (exitCode, output) = await host.EndAsync();
                Assert.True(exitCode == 0 && output.StartsWith("sha256:", StringComparison.Ordinal), output + host.Errors);
                return output.Split('\n')[0].Split(' ');
            }));

            Assert.Equal(4, results.Select(result => result[0]).Distinct().Count());
            Assert.Equal(layers.Length, results.Sum(result => int.Parse(result[1], CultureInfo.InvariantCulture)));
            Assert.Equal(layers.Length, _fixture.Store.Layers.ListLayers().Count);
            var named = _fixture.Store.ListImages().Where(image => image.References.Count > 0);
            Assert.Single(named); // they have one name, which the last one got
            await ImageFixture.AssertIsWholeAsync(_fixture.Store, _fixture.StorePath);
        }
        finally
        {
            await Task.WhenAll(hosts.Select(host => host.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task After_a_host_was_killed_at_any_point_the_next_finds_a_whole_store_and_loads_the_image()
    {
        var source = _fixture.Write(Codec.Gzip, [.. Enumerable.Range(0, 4).Select(i => LayerArchive.OfFiles(150, $"layer{i}"))]);
        var (random, longest, midway) = (new Random(), await MeasureAsync(source), 0);
        var times = TimeFactor.Times(8, soak: 500);
        for (var i = 0; i < times || (midway == 0 && i < times + 50); i++)
        {
            var path = _fixture[$"store-{i}"];
            await using (var host = HostProcess.Start("load", path, source))
            {
                Assert.Equal("ready", await host.ReadLineAsync());
                await host.WriteLineAsync("go");
                await WaitAsync((i % times + random.NextDouble()) / times * longest);
                await host.KillAsync();
            }

            midway += IsBegun(path) ? 1 : 0;
            await AssertLoadsAsync(path, source);
        }

        Assert.NotEqual(0, midway);
    }

    [Fact(Skip = "needs user namespaces", SkipUnless = nameof(Host.HasUserNamespaces), SkipType = typeof(Host))]
    public async Task After_the_file_system_was_full_at_any_point_the_store_is_whole_and_the_image_can_be_loaded()
    {
        var source = _fixture.Write(Codec.Gzip, [.. Enumerable.Range(0, 4).Select(i => LayerArchive.Of(
            [.. Enumerable.Range(0, 20).Select(file => Member.File($"layer{i}/{file}", new string((char)('a' + i), 10_000)))]))]);
        var refused = 0;
        for (var i = 0; i < TimeFactor.Times(6, soak: 200); i++)
        {
            // The image takes about 1.2 MB and 130 inodes: something takes the others, and gives them back.
            var balloon = i % 2 == 0 ? $"fallocate -l {8092 - Random.Shared.Next(1400)}k room"
                : $"seq {1000 - Random.Shared.Next(10, 170)} | xargs touch 2>/dev/null || true";
            refused += await LoadFullAsync(source, balloon) ? 1 : 0;
        }

        Assert.NotEqual(0, refused);
    }

    [RootFact]
    public async Task A_file_system_without_room_for_a_store_is_said_to_be_full_at_whatever_step()
    {
        const string script = """
            mount -t tmpfs -o nr_inodes=50 none "$1"
            mkdir "$1/balloon"
            (cd "$1/balloon" && seq 100 | xargs touch 2>/dev/null || true)
            for i in $(seq 20); do
                "$2" load "$1/store" "$1/missing"
                rm -r "$1/store" 2>/dev/null || true
                rm "$1/balloon/$i"
            done
            """;
        var output = await RunAsync("unshare", ["--mount", "sh", "-ec", script, "sh", Full(), HostProcess.Executable]);
        Assert.Matches("^(ENOSPC, no store\n){5,}(ready\nENOENT 0\nwhole\n){2,}$", output);
    }

    [Fact]
    public async Task To_cancel_a_loading_leaves_nothing_of_what_was_not_whole()
    {
        var source = _fixture.Write(
            Codec.Gzip,
            [.. Enumerable.Range(0, 4).Select(i => LayerArchive.Of(Member.File($"{i}", System.Text.Encoding.Latin1.GetString(Packed.Content(3 << 20, i)))))]);
        for (var reports = 1; reports < 8; reports++)
        {
            using var stop = new CancellationTokenSource();
            var left = reports;
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _fixture.Store.LoadAsync(
                source, null, new Told(_ => Cancel(ref left, stop)), stop.Token));
            Assert.Empty(_fixture.Store.ListImages());
            await ImageFixture.AssertIsWholeAsync(_fixture.Store, _fixture.StorePath);
            _fixture.AssertNothingIsOpen();
            await _fixture.Store.Layers.CollectGarbageAsync([], Cancelled);
        }

        Assert.Single(await _fixture.Store.LoadAsync(source, null, null, Cancelled));
    }

    [Fact]
    public async Task Who_waits_for_a_layer_makes_it_when_the_load_that_began_it_is_cancelled()
    {
        var content = System.Text.Encoding.Latin1.GetString(Packed.Content(3 << 20));
        var source = _fixture.Write(Codec.Gzip, LayerArchive.Of(Member.File("large", content)));
        for (var i = 0; i < 5; i++)
        {
            using var stop = new CancellationTokenSource();
            Task<IReadOnlyList<Image>>? second = null;
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => _fixture.Store.LoadAsync(
                source, null, new Told(_ => second ??= LoadAndCancel(source, stop)), stop.Token));
            var image = Assert.Single(await Eventually.Ends(second!));
            var file = new FileInfo(_fixture[$"store/layers/sha256/{image.Layers[0].Hex}/fs/large"]);
            Assert.Equal(content.Length, file.Length);
            await ImageFixture.AssertIsWholeAsync(_fixture.Store, _fixture.StorePath);
            _fixture.AssertNothingIsOpen();
            await _fixture.Store.RemoveAsync(image, Cancelled);
            Assert.Equal(image.Layers, (await _fixture.Store.CollectGarbageAsync(Cancelled)).Layers);
        }
    }

    [Fact]
    public async Task Unpacking_takes_no_more_memory_for_a_larger_layer()
    {
        // 2 GB only in the long form: it is written to the disk.
        var source = _fixture["large.tar.gz"];
        await WriteLargeAsync(source, TimeFactor.IsSoak ? 2L << 30 : 200 << 20);
        await using var host = HostProcess.Start("load", _fixture.StorePath, source, _fixture.Target);
        Assert.Equal("ready", await host.ReadLineAsync());
        await host.WriteLineAsync("go");
        var (_, output) = await host.EndAsync();
        Assert.InRange(long.Parse(output.Split('\n')[0], CultureInfo.InvariantCulture), 0, 64 << 20);
    }

    [Fact]
    public async Task Unpacking_allocates_little_for_each_entry()
    {
        // Without optimization each call of an async method is an object; tests/consumer/check asks the package.
        var (few, many, limit) = (Write(300), Write(2300), IsOptimized ? 200 : 3600);
        var perEntry = long.MaxValue;
        for (var i = 0; i < 3 && perEntry > limit; i++)
        {
            await AllocatedAsync(many, $"warm{i}"); // buffers are there by then; a collection may take them away
            var first = await AllocatedAsync(few, $"few{i}");
            perEntry = Math.Min(perEntry, (await AllocatedAsync(many, $"many{i}") - first) / 2000);
        }

        Assert.InRange(perEntry, 0, limit);

        string Write(int count) => _fixture.Write(Codec.None, LayerArchive.Of([.. Enumerable.Range(0, count).Select(
            i => Member.File($"files/{i / 100}/file{i}", "content").Of(Linux.Syscall.EffectiveUser, 0))]));
    }

    private static bool IsOptimized =>
        !typeof(ImageStore).Assembly.GetCustomAttributes(false).OfType<DebuggableAttribute>().Any(debug => debug.IsJITOptimizerDisabled);

    /// <summary>Begins another load while one unpacks, and cancels that one once the other is about to wait.</summary>
    private Task<IReadOnlyList<Image>> LoadAndCancel(string source, CancellationTokenSource first)
    {
        var second = Task.Run(() => _fixture.Store.LoadAsync(source, null, null, Cancelled));
        SpinWait.SpinUntil(
            () => _fixture.Open().Count(path => path == _fixture["store/lock"]) > 1, TimeFactor.Seconds(20));
        first.Cancel();
        return second;
    }

    private static void Cancel(ref int left, CancellationTokenSource stop)
    {
        if (Interlocked.Decrement(ref left) == 0)
        {
            stop.Cancel();
        }
    }

    private static async Task WriteLargeAsync(string path, long size)
    {
        await using var gzip = new GZipStream(File.Create(path), CompressionLevel.Fastest);
        gzip.Write(new Tests.Layers.TarForge().Header("large", size: size).NoEnd());
        var content = Packed.Content(1 << 20);
        for (var written = 0L; written < size; written += content.Length)
        {
            gzip.Write(content);
        }

        gzip.Write(new byte[1024]);
    }

    /// <summary>Waits about so long, which is a point in another process's work that nothing tells of.</summary>
    private static async Task WaitAsync(double milliseconds)
    {
        for (var start = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(start).TotalMilliseconds < milliseconds;)
        {
            await Task.Yield();
        }
    }

    /// <summary>Whether a load was begun there, and did not come to its end.</summary>
    private static bool IsBegun(string path) =>
        Directory.EnumerateFileSystemEntries(Path.Combine(path, "staging")).Any()
        || (Directory.EnumerateFileSystemEntries(Path.Combine(path, "layers")).Any()
            && !File.Exists(Path.Combine(path, "images/index.json")));

    private static async Task AssertLoadsAsync(string path, string source)
    {
        await using var store = ImageStore.Open(path, ImageFixture.StoreOptions);
        Assert.Empty((await store.CheckAsync(cancellationToken: Cancelled)).Faults);
        var known = store.ListImages().Count; // each with its documents
        Assert.InRange(known, 0, 1);
        var image = Assert.Single(await store.LoadAsync(source, null, null, Cancelled));
        Assert.Single(store.ListImages());
        Assert.All(image.Layers, layer => Assert.True(store.Layers.Contains(layer)));
        await store.CollectGarbageAsync(Cancelled);
        Assert.Equal(image.Layers.Count, store.Layers.ListLayers().Count);
        Assert.Empty(Directory.EnumerateFileSystemEntries(Path.Combine(path, "staging")));
        foreach (var layer in image.Layers)
        {
            Assert.Equal(150, Directory.EnumerateFiles(Path.Combine(path, $"layers/sha256/{layer.Hex}/fs"), "*", SearchOption.AllDirectories).Count());
        }
    }

    private async Task<double> MeasureAsync(string source)
    {
        await using var host = HostProcess.Start("load", _fixture["store-whole"], source);
        Assert.Equal("ready", await host.ReadLineAsync());
        var start = Stopwatch.GetTimestamp();
        await host.WriteLineAsync("go");
        Assert.StartsWith("sha256:", await host.ReadLineAsync(), StringComparison.Ordinal);
        return Stopwatch.GetElapsedTime(start).TotalMilliseconds;
    }

    /// <summary>Loads an image into a store on a file system of its own, which is too small; says whether it was.</summary>
    private async Task<bool> LoadFullAsync(string source, string balloon)
    {
        string[] names = Host.IsRoot ? [] : ["--user", "--map-root-user"];
        const string script = """
            mount -t tmpfs -o size=8m,nr_inodes=1000 none "$2"
            mkdir "$2/balloon"
            (cd "$2/balloon" && eval "$1")
            "$3" load "$2/store" "$4"
            rm -r "$2/balloon"
            "$3" load "$2/store" "$4"
            ls "$2/store/staging"
            """;
        var output = await RunAsync(
            "unshare", [.. names, "--mount", "sh", "-ec", script, "sh", balloon, Full(), HostProcess.Executable, source]);
        Assert.Matches("^((ready\n(ENOSPC 0|sha256:.*)\nwhole)|ENOSPC, no store)\nready\nsha256:.*\nwhole\n$", output);
        return output.Contains("ENOSPC", StringComparison.Ordinal);
    }

    private string Full() => Directory.CreateDirectory(_fixture["full"]).FullName;

    private static async Task<string> RunAsync(string program, string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
        };
        using var process = Process.Start(start)!;
        process.StandardInput.Close();
        var output = await process.StandardOutput.ReadToEndAsync(Cancelled);
        await process.WaitForExitAsync(Cancelled);
        Assert.Equal(0, process.ExitCode);
        return output;
    }

    private async Task<long> AllocatedAsync(string source, string name)
    {
        var before = GC.GetTotalAllocatedBytes(precise: true);
        await ImageUnpacker.UnpackToDirectoryAsync(source, _fixture[name], null, null, Cancelled);
        return GC.GetTotalAllocatedBytes(precise: true) - before;
    }
}
