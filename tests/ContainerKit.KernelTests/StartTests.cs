using System.Security.Cryptography;
using System.Text;

namespace ContainerKit.KernelTests;

/// <summary>Containers that live: their streams, signals and ends.</summary>
public class StartTests
{
    private static readonly CancellationToken Cancelled = new(canceled: true);

    [Fact]
    public async Task A_program_reads_what_is_written_to_it_and_is_read()
    {
        await using var container =
            await StartAsync("read line; echo \"got $line\"; echo error >&2; read line || echo end");
        using var output = new StreamReader(container.StandardOutput!);
        using var errors = new StreamReader(container.StandardError!);
        await container.StandardInput!.WriteAsync("hello\n"u8.ToArray(), Token);

        Assert.Equal(("got hello", "error"), (await ReadLineAsync(output), await ReadLineAsync(errors)));
        await container.StandardInput!.DisposeAsync();
        Assert.Equal("end", await ReadLineAsync(output));
        Assert.Null(await ReadLineAsync(output));
        Assert.Equal(0, (await Eventually.Ends(container.WaitAsync(Token))).ExitCode);
    }

    [Fact]
    public async Task Every_byte_goes_both_ways()
    {
        await using var container = await StartAsync("exec cat");
        var sent = RandomNumberGenerator.GetBytes(20_000_000);
        var writing = Task.Run(async () =>
        {
            await container.StandardInput!.WriteAsync(sent, Token);
            await container.StandardInput!.DisposeAsync();
        }, Token);
        using var received = new MemoryStream();
        await Eventually.Ends(container.StandardOutput!.CopyToAsync(received, Token), seconds: 60);
        await Eventually.Ends(writing);

        Assert.Equal(SHA256.HashData(sent), SHA256.HashData(received.ToArray()));
    }

    [Fact]
    public async Task No_byte_of_a_program_that_writes_and_exits_is_lost()
    {
        for (var i = 0; i < TimeFactor.Times(200, soak: 10_000); i++)
        {
            await using var container = await StartAsync($"echo {i} out; echo {i} err >&2");
            await Eventually.Ends(container.WaitAsync(Token));
            using var output = new StreamReader(container.StandardOutput!);
            using var errors = new StreamReader(container.StandardError!);

            Assert.Equal(($"{i} out\n", $"{i} err\n"),
                (await output.ReadToEndAsync(Token), await errors.ReadToEndAsync(Token)));
        }
    }

    [Fact]
    public async Task What_nobody_reads_of_a_flow_is_bounded()
    {
        await using var container = await StartAsync("exec yes");
        var block = new byte[64 * 1024];
        long read = 0;
        while (read < 4_000_000)
        {
            read += await container.StandardOutput!.ReadAsync(block, Token);
        }

        await Eventually.Holds(() => ProcessTree.Find(container.Pid)!.Value.State == 'S', "The program should wait.");
        var written =
            long.Parse(File.ReadLines($"/proc/{container.Pid}/io")
                .First(line => line.StartsWith("wchar: ", StringComparison.Ordinal)).AsSpan(7),
                    System.Globalization.CultureInfo.InvariantCulture);
        Assert.InRange(written - read, 60_000, (256 * 1024) + 100); // and what its launcher wrote
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task The_process_id_is_the_programs_as_the_host_sees_it(bool init)
    {
        await using var container = await Container.StartAsync(
            new() { Command = ["sleep", "1000"], Init = init }, Token);

        Assert.Equal("sleep\01000\0", File.ReadAllText($"/proc/{container.Pid}/cmdline"));
    }

    [Fact]
    public async Task A_signal_reaches_the_program()
    {
        await using var container =
            await StartAsync("trap 'echo usr1; exit 7' USR1; echo up; while :; do sleep 0.01; done");
        using var output = new StreamReader(container.StandardOutput!);
        Assert.Equal("up", await ReadLineAsync(output));

        container.SendSignal(Signal.SIGUSR1);

        Assert.Equal("usr1", await ReadLineAsync(output));
        Assert.Equal(7, (await Eventually.Ends(container.WaitAsync(Token))).ExitCode);
        container.SendSignal(Signal.SIGUSR1); // harmless
        Assert.Throws<ArgumentException>(() => container.SendSignal(Signal.SIGSTOP));
        Assert.Throws<ArgumentException>(() => container.SendSignal((Signal)999));
    }

    [Fact]
    public async Task Stopping_asks_first_and_kills_after_the_timeout()
    {
        await using var polite = await StartAsync("trap 'exit 3' TERM; echo up; while :; do sleep 0.01; done");
        await using var stubborn =
            await StartAsync("trap '' TERM; echo up; while :; do sleep 0.01; done", TimeSpan.FromSeconds(0.2));
        await using var odd = await Container.StartAsync(
            Options("trap 'exit 5' INT; echo up; while :; do sleep 0.01; done") with
            { StopSignal = Signal.SIGINT }, Token);
        foreach (var container in new[] { polite, stubborn, odd })
        {
            using var output = new StreamReader(container.StandardOutput!);
            Assert.Equal("up", await ReadLineAsync(output));
        }

        Assert.Equal(3, (await Eventually.Ends(polite.StopAsync(Token))).ExitCode);
        Assert.Equal(Signal.SIGKILL, (await Eventually.Ends(stubborn.StopAsync(Token))).Signal);
        Assert.Equal(5, (await Eventually.Ends(odd.StopAsync(Token))).ExitCode);
    }

    [Fact]
    public async Task Cancelling_a_wait_leaves_the_program_alone()
    {
        await using var container = await StartAsync("echo up; read line; exit 4");
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => container.WaitAsync(Cancelled));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => container.WaitForResultAsync(Cancelled));
        using var cancellation = new CancellationTokenSource();
        var read = new byte[100];
        Assert.Equal(3, await container.StandardOutput!.ReadAsync(read, cancellation.Token));
        var reading = container.StandardOutput!.ReadAsync(read, cancellation.Token).AsTask();
        await cancellation.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reading);

        await container.StandardInput!.DisposeAsync();
        Assert.Equal(4, (await Eventually.Ends(container.WaitAsync(Token))).ExitCode);
    }

    [Fact]
    public async Task A_cancelled_start_and_a_failed_one_leave_nothing()
    {
        var leftovers = await Leftovers.Before();
        for (var i = 0; i < 20; i++)
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(i / 5.0));
            try
            {
                await using var container = await Container.StartAsync(Options("sleep 1000"), cancellation.Token);
            }
            catch (OperationCanceledException)
            {
                // or it was too late
            }
        }

        var failure = await Assert.ThrowsAsync<LaunchException>(() =>
            Container.StartAsync(new() { Command = ["/missing"] }, Token));
        Assert.Equal(Errno.ENOENT, failure.Errno);
        await leftovers.AssertNone();
    }

    [Fact]
    public async Task Disposing_kills_and_leaves_nothing_from_many_threads_too()
    {
        var leftovers = await Leftovers.Before();
        var container = await StartAsync("trap '' TERM; setsid sleep 1000 & cat");
        var reading = container.StandardOutput!.ReadAsync(new byte[1], Token).AsTask();
        await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => Task.Run(() => container.DisposeAsync().AsTask(), Token)));

        Assert.Equal(Signal.SIGKILL, (await container.WaitAsync(Token)).Signal);
        await Task.WhenAny(reading); // the end, or that it was disposed
        await container.DisposeAsync();
        await Assert.ThrowsAsync<ObjectDisposedException>(() =>
            container.StandardInput!.WriteAsync(new byte[1], Token).AsTask());
        await leftovers.AssertNone();
    }

    [Fact]
    public async Task A_write_to_a_program_that_reads_no_more_says_so()
    {
        await using var container = await StartAsync("exec 0<&-; echo up; sleep 1000");
        using var output = new StreamReader(container.StandardOutput!);
        await ReadLineAsync(output);

        var failure = await Assert.ThrowsAsync<LinuxException>(() =>
            container.StandardInput!.WriteAsync(new byte[1], Token).AsTask());
        Assert.Equal(Errno.EPIPE, failure.Errno);
    }

    [Fact]
    public async Task Output_can_be_captured_and_a_timeout_holds()
    {
        var options = Script.Shell("echo captured; sleep 1000") with
        {
            StandardOutput = StandardStream.Capture(ByteSize.KiB(1)),
            Timeout = TimeSpan.FromSeconds(0.3),
        };
        await using var container = await Container.StartAsync(options, Token);
        var result = await Eventually.Ends(container.WaitForResultAsync(Token));

        Assert.Equal(("captured\n", true), (result.StandardOutput, result.ExitStatus.TimedOut));
        Assert.Null(container.StandardOutput);
    }

    [Fact]
    public async Task A_pipe_needs_a_start()
    {
        var options = Script.Shell("cat") with { StandardInput = StandardStream.Pipe };
        Assert.Contains("StartAsync",
            (await Assert.ThrowsAsync<ArgumentException>(() => Container.RunAsync(options, Token))).Message);
    }

    [Fact]
    public async Task Many_live_at_once()
    {
        var leftovers = await Leftovers.Before();
        var containers = await Task.WhenAll(
            Enumerable.Range(0, TimeFactor.Times(60, soak: 1000)).Select(_ => StartAsync("read line; echo $line")));
        foreach (var (number, container) in containers.Index())
        {
            await container.StandardInput!.WriteAsync(Encoding.UTF8.GetBytes($"{number}\n"), Token);
            using var output = new StreamReader(container.StandardOutput!);
            Assert.Equal($"{number}", await ReadLineAsync(output));
            await container.DisposeAsync();
        }

        await leftovers.AssertNone();
    }

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    private static ContainerOptions Options(string script) => Script.Shell(script) with
    {
        StandardInput = StandardStream.Pipe,
        StandardOutput = StandardStream.Pipe,
        StandardError = StandardStream.Pipe,
    };

    private static Task<Container> StartAsync(string script, TimeSpan? stopTimeout = null) =>
        Container.StartAsync(Options(script) with { StopTimeout = stopTimeout ?? TimeSpan.FromSeconds(20) }, Token);

    private static Task<string?> ReadLineAsync(StreamReader reader) =>
        reader.ReadLineAsync(Token).AsTask().WaitAsync(TimeFactor.Seconds(30), Token);
}
