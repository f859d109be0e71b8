namespace ContainerKit.KernelTests;

/// <content>What is refused, and what is damaged.</content>
public sealed partial class DetachedTests
{
    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("../a")]
    [InlineData(".lock")]
    [InlineData("-a")]
    [InlineData("a\0")]
    [InlineData("a b")]
    [InlineData("ä")]
    public async Task What_is_no_id_is_refused(string id)
    {
        await Assert.ThrowsAsync<ArgumentException>(() => _host.StartDetachedAsync(id, Sleeper, Cancelled));
        await Assert.ThrowsAsync<ArgumentException>(() => _host.AttachAsync(id, Cancelled));
        await Assert.ThrowsAsync<ArgumentException>(() => _host.RemoveAsync(id, Cancelled));
        await Assert.ThrowsAsync<ArgumentNullException>(() => _host.AttachAsync(null!, Cancelled));
        Assert.False(Directory.Exists(_temp["state"]));
    }

    [Fact]
    public async Task An_id_has_at_most_128_letters()
    {
        await What_is_no_id_is_refused(new('a', 300));
        await What_is_no_id_is_refused(new('a', 129));

        await using var container = await _host.StartDetachedAsync(new('a', 128), Sleeper, Cancelled);
        Assert.Equal(new('a', 128), (await _host.ListAsync(Cancelled)).Single().Id);
    }

    [Fact]
    public async Task A_taken_id_a_missing_one_and_a_failed_start_say_so_and_leave_nothing()
    {
        await using var container = await _host.StartDetachedAsync("one", Sleeper, Cancelled);
        var taken = await Assert.ThrowsAsync<LaunchException>(
            () => _host.StartDetachedAsync("one", Sleeper, Cancelled));
        Assert.Equal(Errno.EEXIST, taken.Errno);
        Assert.True(ProcessTree.IsAlive(container.Pid));

        var missing = await Assert.ThrowsAsync<LaunchException>(() => _host.AttachAsync("two", Cancelled));
        Assert.Equal(Errno.ENOENT, missing.Errno);
        await _host.RemoveAsync("two", Cancelled);

        var failed = await Assert.ThrowsAsync<LaunchException>(
            () => _host.StartDetachedAsync("two", Sleeper with { Command = ["no-such-program"] }, Cancelled));
        Assert.Equal(("execve", Errno.ENOENT), (failed.Call, failed.Errno));
        Assert.Equal(["one"], (await _host.ListAsync(Cancelled)).Select(info => info.Id));
    }

    [Fact]
    public async Task What_cannot_be_left_alone_is_refused()
    {
        await RefusedAsync("StandardInput", Sleeper with { StandardInput = StandardStream.Pipe });
        await RefusedAsync("Null or Log", Sleeper with { StandardOutput = StandardStream.Pipe });
        await RefusedAsync("Null or Log", Sleeper with { StandardError = StandardStream.Capture(ByteSize.KiB(1)) });
        await RefusedAsync("has an init", Sleeper with { Init = false });
        await RefusedAsync("Timeout", Sleeper with { Timeout = TimeSpan.FromSeconds(1) });
        await RefusedAsync("CpuTimeout", Sleeper with { CpuTimeout = TimeSpan.FromSeconds(1) });
        Assert.Empty(await _host.ListAsync(Cancelled));
        Assert.Throws<ArgumentOutOfRangeException>(() => StandardStream.Log(new(0)));
        var refusal = await Refusal.OfOptionsAsync(
            Sleeper with { StandardOutput = StandardStream.Log(ByteSize.KiB(4)) });
        Assert.Contains("StartDetachedAsync", refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("container.json", "{\"Version\": 2}")]
    [InlineData("container.json", "{ not json")]
    [InlineData("container.json", "")]
    public async Task What_is_damaged_or_of_a_newer_version_is_listed_refused_and_can_be_removed(
        string file, string content)
    {
        await using (await _host.StartDetachedAsync("damaged", Sleeper, Cancelled))
        {
        }

        await File.WriteAllTextAsync(_temp[$"state/containers/damaged/{file}"], content, Cancelled);
        Assert.Equal(
            ("damaged", ContainerState.Unreadable),
            (await _host.ListAsync(Cancelled)).Select(info => (info.Id, info.State)).Single());
        var failure = await Assert.ThrowsAsync<LaunchException>(() => _host.AttachAsync("damaged", Cancelled));
        Assert.Equal(Errno.EINVAL, failure.Errno);
        Assert.Contains("newer version", failure.Message, StringComparison.Ordinal);
        await _host.RemoveAsync("damaged", Cancelled);
        Assert.Empty(await _host.ListAsync(Cancelled));
    }

    [Fact]
    public async Task A_damaged_status_is_no_number_to_signal()
    {
        await using (await _host.StartDetachedAsync("damaged", Sleeper, Cancelled))
        {
        }

        var status = _temp["state/containers/damaged/status"];
        var whole = await File.ReadAllBytesAsync(status, Cancelled);
        await using (var file = File.OpenWrite(status))
        {
            await file.WriteAsync("0000000001"u8.ToArray(), Cancelled); // init's
        }

        await using (var misled = await _host.AttachAsync("damaged", Cancelled))
        {
            misled.SendSignal(Signal.SIGTERM); // goes to who reads the FIFO, whatever is written
        }

        await using (var file = File.OpenWrite(status))
        {
            await file.WriteAsync(whole.AsMemory(0, 16), Cancelled);
        }

        await using var container = await _host.AttachAsync("damaged", Cancelled);
        Assert.Equal(Signal.SIGTERM, (await Eventually.Ends(container.WaitAsync(Cancelled))).Signal);
    }

    private async Task RefusedAsync(string complaint, ContainerOptions options)
    {
        var refusal = await Assert.ThrowsAsync<ArgumentException>(
            () => _host.StartDetachedAsync("refused", options, Cancelled));
        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
    }
}
