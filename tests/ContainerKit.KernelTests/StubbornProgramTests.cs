namespace ContainerKit.KernelTests;

/// <summary>Programs that do not end when they should, or that hold on to what is not theirs.</summary>
public class StubbornProgramTests
{
    private const int TenMegabytes = 10_000_000;

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task No_byte_is_lost_of_a_program_that_writes_10_MB_and_exits_at_once(bool init)
    {
        var options = Script.Shell($"head -c {TenMegabytes} /dev/zero") with { Init = init };
        var result = await Script.RunAsync(options with { StandardOutput = StandardStream.Capture(ByteSize.MiB(16)) });
        Assert.Equal(TenMegabytes, result.StandardOutputBytes.Length);
        Assert.False(result.OutputTruncated);

        using var stream = new MemoryStream();
        await Script.RunAsync(options with { StandardOutput = StandardStream.To(stream) });
        Assert.Equal(TenMegabytes, stream.Length);
    }

    [Fact]
    public async Task What_exceeds_the_capture_is_dropped_and_the_result_says_so()
    {
        var result = await Script.RunAsync($"head -c {TenMegabytes} /dev/zero; echo done >&2");

        Assert.Equal(1 << 20, result.StandardOutputBytes.Length);
        Assert.True(result.OutputTruncated);
        Assert.Equal("done\n", result.StandardError);
    }

    [Fact]
    public async Task Daemons_that_keep_the_output_open_end_with_the_program()
    {
        var before = await Leftovers.Before();
        var result = await Script.RunAsync("for i in 1 2 3 4 5; do (setsid sleep 1000 &) ; done; setsid sh -c 'trap "
            + "\"\" TERM HUP; sleep 1000' & echo done");

        Assert.Equal("done\n", result.StandardOutput);
        Assert.Equal(0, result.ExitStatus.ExitCode);
        await before.AssertNone();
    }

    [Fact]
    public async Task A_program_that_closes_its_output_goes_on_and_its_end_is_seen()
    {
        var result = await Script.RunAsync(
            "echo last; exec >&- 2>&- <&-; i=0; while [ $i -lt 10000 ]; do i=$((i+1)); done; exit 7");

        Assert.Equal((7, "last\n"), (result.ExitStatus.ExitCode, result.StandardOutput));
    }

    [Theory]
    [InlineData("trap '' TERM INT HUP QUIT; while :; do sleep 1000; done", true)]
    [InlineData("trap '' TERM INT HUP QUIT; while :; do sleep 1000; done", false)]
    [InlineData("kill -STOP $$", true)]
    [InlineData("kill -STOP $$; sleep 1000", false)]
    [InlineData("while :; do :; done", true)]
    [InlineData("cat /dev/zero > /dev/null", true)]
    [InlineData("yes", true)]
    public async Task Whatever_it_does_a_program_ends_at_its_timeout(string script, bool init)
    {
        var before = await Leftovers.Before();
        var result =
            await Script.RunAsync(Script.Shell(script) with { Init = init, Timeout = TimeSpan.FromMilliseconds(200) });

        Assert.True(result.ExitStatus.TimedOut);
        Assert.Equal(Signal.SIGKILL, result.ExitStatus.Signal);
        Assert.Throws<InvalidOperationException>(result.EnsureSuccess);
        await before.AssertNone();
    }

    [Fact]
    public async Task A_program_that_ends_by_itself_did_not_time_out()
    {
        var result = await Script.RunAsync(Script.Shell("kill -KILL $$") with { Timeout = TimeSpan.FromHours(1) });

        Assert.Equal((false, Signal.SIGKILL), (result.ExitStatus.TimedOut, result.ExitStatus.Signal));
    }

    [PythonFact]
    public async Task A_fork_bomb_stays_below_MaxProcesses_and_ends_with_the_container()
    {
        var before = await Leftovers.Before();
        var options = Script.Python("""
            import os, time
            while True:
                try:
                    os.fork()
                except BlockingIOError:
                    time.sleep(0.01)
            """) with
        { MaxProcesses = 50, Timeout = TimeSpan.FromSeconds(2) };
        var running = Script.RunAsync(options);
        var most = 0;
        while (!running.IsCompleted)
        {
            // The launcher that supervises is outside, hence one more.
            most = Math.Max(most, ProcessTree.Below(Environment.ProcessId).Count(process => process.State != 'Z'));
        }

        Assert.True((await running).ExitStatus.TimedOut);
        Assert.InRange(most, 40, 51);
        await before.AssertNone();
    }

    [PythonFact]
    public async Task A_user_namespace_of_its_own_gives_a_program_no_more_processes()
    {
        const string script = """
            import os, sys
            libc = __import__('ctypes').CDLL(None)
            assert libc.unshare(0x10000000) == 0 # CLONE_NEWUSER
            children = []
            try:
                while len(children) < 100:
                    child = os.fork()
                    if child == 0:
                        import signal; signal.pause()
                    children.append(child)
            except BlockingIOError:
                pass
            print(len(children))
            """;
        var count = int.Parse(await Script.OutputAsync(Script.Python(script) with { MaxProcesses = 20, MaxUserNamespaces = 1 }),
            System.Globalization.CultureInfo.InvariantCulture);

        Assert.InRange(count, 1, 19);
    }

    [Fact]
    public async Task A_program_that_never_reads_its_input_does_not_hold_up_the_host()
    {
        await using var container = await Container.StartAsync(
            Script.Shell("exec sleep 1000") with { StandardInput = StandardStream.Pipe },
            TestContext.Current.CancellationToken);
        using var patience = new CancellationTokenSource();
        var write = container.StandardInput!.WriteAsync(new byte[4 << 20], patience.Token).AsTask();
        Assert.False(write.IsCompleted);
        await patience.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Ends(write));
        Assert.True(ProcessTree.IsAlive(container.Pid));
    }

    [Fact]
    public async Task What_is_written_to_a_program_that_ended_is_a_broken_pipe()
    {
        await using var container = await Container.StartAsync(
            Script.Shell("exec head -c 1") with { StandardInput = StandardStream.Pipe },
            TestContext.Current.CancellationToken);
        var write = container.StandardInput!.WriteAsync(
            new byte[4 << 20], TestContext.Current.CancellationToken).AsTask();
        var failure = await Assert.ThrowsAsync<LinuxException>(() => Eventually.Ends(write));

        Assert.Equal(("write", Errno.EPIPE), (failure.Call, failure.Errno));
    }

    [Fact]
    public async Task A_stream_that_fails_does_not_hold_up_the_program_and_the_run_says_why()
    {
        var before = await Leftovers.Before();
        var refusal = await Assert.ThrowsAsync<NotSupportedException>(
            () => Script.RunAsync(Script.Shell($"head -c {TenMegabytes} /dev/zero") with
            { StandardOutput = StandardStream.To(new FailingStream()) }));

        Assert.Equal("full", refusal.Message);
        await before.AssertNone();
    }

    /// <summary>A stream on which every write fails.</summary>
    private sealed class FailingStream : MemoryStream
    {
        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException(new NotSupportedException("full"));
    }
}
