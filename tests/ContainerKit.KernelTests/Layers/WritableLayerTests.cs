using System.Diagnostics;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.KernelTests;

/// <summary>Containers on many layers of a store, and what becomes of their changes.</summary>
public class WritableLayerTests : IAsyncDisposable
{
    private readonly StoreFixture _fixture;

    public WritableLayerTests()
        : this(WritableForm.Overlay)
    {
    }

    protected WritableLayerTests(WritableForm form) => _fixture = new(form: form);

    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private LayerStore Store => _fixture.Store;

    /// <summary>Maps whose root is the store's user.</summary>
    public static TheoryData<IdMap> Maps => Host.IsRoot
        ? [IdMap.SingleId, IdMap.Automatic(), TestIds.Map, IdMap.Identity]
        : [IdMap.SingleId, IdMap.Identity];

    public async ValueTask DisposeAsync()
    {
        await _fixture.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(5)]
    [InlineData(120)]
    public async Task A_container_sees_all_layers_the_last_one_on_top(int count)
    {
        var layers = await _fixture.AddRootAsync(count);
        await using var writable = await Store.CreateWritableAsync(layers, null, Cancelled);
        var output = await Script.OutputAsync(StoreFixture.Shell(writable, "cat /top; ls / | grep -c ^file"));

        Assert.Equal($"{count - 1}{count}", output);
    }

    [Theory]
    [MemberData(nameof(Maps))]
    public async Task Changes_survive_to_the_next_container_and_reach_no_layer(IdMap map)
    {
        var layers = await _fixture.AddRootAsync(2);
        await using var writable = await Store.CreateWritableAsync(layers, new() { Id = "kept" }, Cancelled);
        const string script = "rm /file0; echo new >/top; mkdir /made; chmod 700 /made; stat -c %u /file1";
        var options = StoreFixture.Shell(writable, script) with { IdMap = map };
        options = map == IdMap.Identity ? options with { MaxProcesses = null } : options;
        options = options with { User = map == IdMap.Identity ? $"{Syscall.EffectiveUser}" : "0" };

        Assert.Equal(options.User, await Script.OutputAsync(options));
        await using var other = LayerStore.Open(_fixture.Path);
        await using var again = other.OpenWritable("kept");
        Assert.Equal("new\n/file1 /made", await Script.OutputAsync(options with
        { Root = again.Root, Command = ["sh", "-c", "cat /top; echo /file* /made"] }));
        Assert.Equal("1", await File.ReadAllTextAsync(_fixture[$"layers/sha256/{layers[1].Hex}/fs/top"], Cancelled));
        Assert.True(File.Exists(_fixture[$"layers/sha256/{layers[0].Hex}/fs/file0"]));
        Assert.True(writable.ReadUsage().Bytes is > 0 and < 100_000);
    }

    [Fact]
    public async Task What_a_layer_deletes_is_not_seen_and_a_layer_may_come_twice()
    {
        var @base = await _fixture.AddRootAsync(2);
        var deleting = await _fixture.AddAsync(1, path => Start("mknod", path("file0"), "c", "0", "0"));
        await using var writable = await Store.CreateWritableAsync(
            [.. @base, deleting, @base[1], deleting], null, Cancelled);

        Assert.Equal("/file1", await Script.OutputAsync(StoreFixture.Shell(writable, "echo /file*")));
    }

    [Fact(Skip = TestIds.Missing, SkipUnless = nameof(TestIds.Exist), SkipType = typeof(TestIds))]
    public async Task A_map_without_the_stores_user_is_refused_with_what_to_do()
    {
        await using var writable = await Store.CreateWritableAsync(await _fixture.AddRootAsync(1), null, Cancelled);
        var options = StoreFixture.Shell(writable, "true");
        options = Host.IsRoot ? options with { User = "1000" } : options with { IdMap = IdMap.Automatic() };
        var refusal = await Assert.ThrowsAsync<LaunchException>(() => Script.RunAsync(options));

        Assert.Equal(Errno.EACCES, refusal.Errno);
        Assert.Contains("see IdMap", refusal.Hint, StringComparison.Ordinal);
    }

    [Fact]
    public async Task CVE_2021_21284_Nothing_of_a_store_is_in_a_containers_sight_but_what_it_shows()
    {
        await using var writable = await Store.CreateWritableAsync(await _fixture.AddRootAsync(2), null, Cancelled);

        var shown = await Script.OutputAsync(StoreFixture.Shell(
            writable, // without the shell's own mount of the host, whose root may be an overlay
            "grep -E ' - overlay |sha256|writable' /proc/self/mountinfo | cut -d' ' -f4,5 | grep -v ^/usr"));
        if (writable.Form == WritableForm.Overlay)
        {
            Assert.Equal("/ /", shown);
        }
        else
        {
            // Its path in the file system that it lies on, which may be mounted anywhere.
            Assert.EndsWith($"/writable/{writable.Id}/tree /", shown, StringComparison.Ordinal);
            Assert.EndsWith(shown, _fixture[$"writable/{writable.Id}/tree /"], StringComparison.Ordinal);
        }

        Assert.Equal(0x1C0, (int)File.GetUnixFileMode(_fixture.Path)); // 0700
        Assert.Equal(0x1C0, (int)File.GetUnixFileMode(_fixture[$"writable/{writable.Id}"]));
    }

    [Fact]
    public async Task A_second_container_at_once_is_refused()
    {
        await using var writable = await Store.CreateWritableAsync(await _fixture.AddRootAsync(1), null, Cancelled);
        await using (var first = await Container.StartAsync(StoreFixture.Shell(writable, "sleep 1000"), Cancelled))
        {
            var refusal = await Refusal.OfOptionsAsync(StoreFixture.Shell(writable, "true"));
            Assert.Contains($"'{writable.Id}' takes the changes of another", refusal.Message, StringComparison.Ordinal);
            var busy = await Assert.ThrowsAsync<LinuxException>(() => writable.DiscardAsync(Cancelled));
            Assert.Equal(Errno.EBUSY, busy.Errno);
        }

        await Script.OutputAsync(StoreFixture.Shell(writable, "true"));
        await writable.DiscardAsync(Cancelled);
        Assert.Empty(Store.ListWritable());
        var gone = await Refusal.OfAsync<LinuxException>(StoreFixture.Shell(writable, "true"));
        Assert.Equal(Errno.ENOENT, gone.Errno);
    }

    [Fact]
    public async Task Users_are_looked_up_in_what_the_layers_show()
    {
        var @base = await _fixture.AddRootAsync(1);
        var users = await _fixture.AddAsync(1, path =>
        {
            Directory.CreateDirectory(path("data"));
            File.WriteAllText(path("data/passwd"), "app:x:0:0::/:\n");
            Directory.CreateDirectory(path("etc"));
            File.CreateSymbolicLink(path("etc/passwd"), "../../data/./passwd");
        });
        var opaque = await _fixture.AddAsync(2, path =>
        {
            Directory.CreateDirectory(path("etc"));
            using var etc = Syscall.Open(path("etc"), OpenFlags.O_RDONLY);
            Syscall.SetAttribute(etc, "user.overlay.opaque", "y"u8);
        });
        await using var writable = await Store.CreateWritableAsync([@base[0], users], null, Cancelled);
        await using var hidden = await Store.CreateWritableAsync([@base[0], users, opaque], null, Cancelled);

        Assert.Equal("0", await Script.OutputAsync(StoreFixture.Shell(writable, "id -u") with { User = "app" }));
        await Refusal.OfOptionsAsync(StoreFixture.Shell(hidden, "true") with { User = "app" });
        await Script.OutputAsync(StoreFixture.Shell(writable, "rm /etc/passwd"));
        await Refusal.OfOptionsAsync(StoreFixture.Shell(writable, "true") with { User = "app" });
    }

    [Fact]
    public async Task Users_in_a_circle_of_links_or_a_pipe_are_not_looked_for()
    {
        var @base = await _fixture.AddRootAsync(1);
        var circle = await _fixture.AddAsync(1, path =>
        {
            Directory.CreateDirectory(path("etc"));
            File.CreateSymbolicLink(path("etc/passwd"), "/etc/passwd");
        });
        var pipe = await _fixture.AddAsync(2, path =>
        {
            Directory.CreateDirectory(path("etc"));
            Syscall.MakeFifo(path("etc/passwd"), 0x1A4); // 0644
        });
        foreach (var layer in new[] { circle, pipe })
        {
            await using var writable = await Store.CreateWritableAsync([@base[0], layer], null, Cancelled);
            var refusal = await Refusal.OfOptionsAsync(StoreFixture.Shell(writable, "true") with { User = "app" });
            Assert.Contains("/etc/passwd", refusal.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task What_is_discarded_while_it_is_read_is_said_to_be_even_if_another_has_its_id()
    {
        var layer = await _fixture.AddAsync(1);
        var writable = await Store.CreateWritableAsync([layer], new() { Id = "it" }, Cancelled);
        using var changes = writable.OpenChanges();
        changes.CheckAreThere();
        await writable.DiscardAsync(Cancelled);
        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => changes.CheckAreThere()).Errno);
        await using var again = await Store.CreateWritableAsync([layer], new() { Id = "it" }, Cancelled);

        Assert.Equal(Errno.ENOENT, Assert.Throws<LinuxException>(() => changes.CheckAreThere()).Errno);
        await Assert.ThrowsAsync<LinuxException>(() => writable.ExportAsync(
            new OnFirstWrite(() => again.DiscardAsync(Cancelled).GetAwaiter().GetResult()), null, Cancelled));
    }

    [Fact]
    public async Task A_writable_layer_that_was_made_anew_is_not_taken_for_the_one_before()
    {
        var layer = await _fixture.AddAsync(1);
        await using var other = LayerStore.Open(_fixture.Path);
        using var stop = new CancellationTokenSource();
        var discarding = Task.Run(async () =>
        {
            while (!stop.IsCancellationRequested)
            {
                await DiscardAsync(other);
            }
        }, Cancelled);
        for (var i = 0; i < 200; i++)
        {
            await DiscardAsync(Store);
            await TryCreateAsync(layer); // the other is about to discard the last one, perhaps
            using var writable = TryOpen(_fixture["writable/it"]);
            using var container = writable is null ? null : TryTake(writable);
            if (container is not null && Directory.Exists(_fixture["writable/it"]))
            {
                using var found = TryOpen(_fixture["writable/it"]);
                var isThere = found is not null && Syscall.Status(found).Inode == Syscall.Status(writable!).Inode;
                await DiscardAsync(other);
                Assert.True(!isThere || Directory.Exists(_fixture["writable/it"]));
            }
        }

        await stop.CancelAsync();
        await discarding;
    }

    [Fact]
    public async Task A_start_on_a_layer_that_is_being_discarded_says_so_or_that_another_has_it()
    {
        var layer = await _fixture.AddAsync(1);
        for (var i = 0; i < 100; i++)
        {
            var writable = await Store.CreateWritableAsync([layer], new() { Id = "it" }, Cancelled);
            var discarding = Task.Run(() => DiscardAsync(Store), Cancelled);
            try
            {
                writable.Root.Open().Held?.Dispose();
            }
            catch (LinuxException gone)
            {
                Assert.Contains("was discarded", gone.Message, StringComparison.Ordinal);
            }
            catch (ArgumentException busy)
            {
                Assert.Contains("another container", busy.Message, StringComparison.Ordinal);
            }

            await discarding;
            await Store.DiscardWritableAsync("it", Cancelled);
        }
    }

    [Fact]
    public async Task Whoever_discards_a_layer_at_once_with_others_takes_none_for_a_container()
    {
        var layer = await _fixture.AddAsync(1);
        await using var other = LayerStore.Open(_fixture.Path);
        LayerStore[] stores = [Store, Store, other, other];
        for (var i = 0; i < 50; i++)
        {
            await Store.CreateWritableAsync([layer], new() { Id = "it" }, Cancelled);
            await Task.WhenAll(stores.Select(store => Task.Run(() => store.DiscardWritableAsync("it", Cancelled))));
            Assert.Empty(Store.ListWritable());
        }

        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["removed"]));
    }

    [Fact]
    public async Task Missing_layers_and_ids_that_are_taken_or_lead_elsewhere_are_refused()
    {
        var layer = await _fixture.AddAsync(1);
        await Store.CreateWritableAsync([layer], new() { Id = "taken" }, Cancelled);
        var taken = await Assert.ThrowsAsync<LinuxException>(
            () => Store.CreateWritableAsync([layer], new() { Id = "taken" }, Cancelled));
        var missing = await Assert.ThrowsAsync<LinuxException>(
            () => Store.CreateWritableAsync([layer, StoreFixture.DiffId(2)], null, Cancelled));

        Assert.Equal((Errno.EEXIST, Errno.ENOENT), (taken.Errno, missing.Errno));
        foreach (var id in new[] { "", ".", "..", "../x", "a/b", "-x", "ä" })
        {
            await Assert.ThrowsAsync<ArgumentException>(
                () => Store.CreateWritableAsync([layer], new() { Id = id }, Cancelled));
            Assert.Throws<ArgumentException>(() => Store.OpenWritable(id));
        }

        await Assert.ThrowsAsync<ArgumentException>(() => Store.CreateWritableAsync([], null, Cancelled));
        Assert.Equal("taken", Assert.Single(Store.ListWritable()).Id);
        Assert.Empty(Directory.EnumerateFileSystemEntries(_fixture["staging"]));
    }

    private static void Start(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private async Task TryCreateAsync(Digest layer)
    {
        try
        {
            await Store.CreateWritableAsync([layer], new() { Id = "it" }, Cancelled);
        }
        catch (LinuxException exists) when (exists.Errno is Errno.EEXIST)
        {
        }
    }

    private static async Task DiscardAsync(LayerStore store)
    {
        try
        {
            await store.DiscardWritableAsync("it", Cancelled);
        }
        catch (LinuxException busy) when (busy.Errno is Errno.EBUSY)
        {
        }
    }

    /// <summary>Takes what a container takes; null when another has it, or it is gone since it was opened.</summary>
    private static LockedFile? TryTake(SafeFileHandle writable)
    {
        try
        {
            return LockedFile.TryTake(writable, LayersRoot.Lock);
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT)
        {
            return null;
        }
    }

    private static SafeFileHandle? TryOpen(string path)
    {
        try
        {
            return Syscall.Open(path, OpenFlags.O_RDONLY);
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT)
        {
            return null;
        }
    }
}
