using System.Security.Cryptography;
using System.Text;

namespace ContainerKit.KernelTests.Contracts;

/// <summary>A program's output, and its end: two events.</summary>
public class OutputTests
{
    private const int Lines = 1_400_000;

    /// <summary>Writes 10 MB, and exits at once.</summary>
    private static readonly ContainerOptions Counts = new() { Command = ["seq", "1", $"{Lines}"] };

    private static readonly Lazy<byte[]> Counted = new(() =>
    {
        var text = new StringBuilder();
        for (var i = 1; i <= Lines; i++)
        {
            text.Append(i).Append('\n');
        }

        return Encoding.ASCII.GetBytes(text.ToString());
    });

    [Fact]
    public async Task No_byte_is_lost_when_captured_from_a_program_that_exits_at_once()
    {
        var result = await Script.RunAsync(Counts with { StandardOutput = StandardStream.Capture(ByteSize.MiB(16)) });

        Assert.Equal((Counted.Value.Length, false), (result.StandardOutputBytes.Length, result.OutputTruncated));
        Assert.True(result.StandardOutputBytes.Span.SequenceEqual(Counted.Value));
    }

    [Fact]
    public async Task No_byte_is_lost_when_forwarded_from_a_program_that_exits_at_once()
    {
        var destination = new MemoryStream();
        var result = await Script.RunAsync(Counts with { StandardOutput = StandardStream.To(destination) });

        Assert.True(result.ExitStatus.IsSuccess);
        Assert.Equal(SHA256.HashData(Counted.Value), SHA256.HashData(destination.ToArray()));
        Assert.True(destination.CanWrite); // the caller's, and left open
    }

    [Fact]
    public async Task No_byte_is_lost_to_a_stream_that_is_slower_than_the_program()
    {
        var destination = new GatedStream();
        var run = Script.RunAsync(
            Script.Shell("echo up; head -c 60000 /dev/zero") with { StandardOutput = StandardStream.To(destination) });
        await Eventually.Ends(destination.FirstWrite);
        await Eventually.Holds(() => ProcessTree.Below(Environment.ProcessId).Count == 0, "The program should end.");

        // The program is gone, and the stream takes longer than the grace for a pipe that somebody else holds open.
        await Task.Delay(TimeSpan.FromSeconds(1.5), TestContext.Current.CancellationToken);
        destination.Open();

        var result = await Eventually.Ends(run);
        Assert.Equal((60_003, false), (destination.Length, result.OutputTruncated));
    }

    [Fact]
    public async Task Cancelling_ends_the_wait_for_a_stream_that_takes_nothing()
    {
        using var cancel = new CancellationTokenSource();
        var destination = new GatedStream();
        var run = Container.RunAsync(
            Script.Shell("echo up") with { StandardOutput = StandardStream.To(destination) }, cancel.Token);
        await Eventually.Ends(destination.FirstWrite);
        await Eventually.Holds(() => ProcessTree.Below(Environment.ProcessId).Count == 0, "The program should end.");

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Ends(run));
    }

    [Fact]
    public async Task A_stream_that_fails_does_not_hang_the_program()
    {
        var leftovers = await Leftovers.Before();
        await Assert.ThrowsAsync<IOException>(() =>
            Script.RunAsync(Counts with { StandardOutput = StandardStream.To(new FullStream()) }));
        await leftovers.AssertNone();
    }

    [Fact]
    public async Task Captured_output_ends_at_its_limit_and_the_program_goes_on()
    {
        var result = await Script.RunAsync(Counts with { StandardOutput = StandardStream.Capture(new ByteSize(1000)) });

        Assert.True(result.ExitStatus.IsSuccess);
        Assert.True(result.OutputTruncated);
        Assert.True(result.StandardOutputBytes.Span.SequenceEqual(Counted.Value.AsSpan(0, 1000)));
    }

    [Theory]
    [InlineData(4, true)]
    [InlineData(5, false)]
    [InlineData(0, true)]
    public async Task Output_is_truncated_only_beyond_its_limit(int limit, bool truncated)
    {
        var result = await Script.RunAsync(
            Script.Shell("echo 1234") with { StandardOutput = StandardStream.Capture(new ByteSize(limit)) });
        Assert.Equal(("1234\n"[..limit], truncated), (result.StandardOutput, result.OutputTruncated));
    }

    [Fact]
    public async Task Output_and_errors_are_kept_apart()
    {
        var result = await Script.RunAsync("echo out; echo err >&2");
        Assert.Equal(("out\n", "err\n"), (result.StandardOutput, result.StandardError));
    }

    [Fact]
    public async Task The_supervisor_and_init_hold_no_output_open()
    {
        await using var container = await LiveContainer.StartAsync("echo up; exec >&-; sleep 1000");
        Assert.Null(await container.ReadLineAsync()); // the end, while the container lives
        Assert.True(ProcessTree.IsAlive(container.Program.Id));
    }

    [Fact]
    public async Task Output_that_somebody_outside_holds_open_delays_the_result_by_a_moment_only()
    {
        var run = Script.RunAsync(Script.Shell("echo up; exec sleep 1000"));
        var program = 0;
        await Eventually.Holds(
            () => (program = ProcessTree.Below(Environment.ProcessId)
                .FirstOrDefault(process => process.Name == "sleep").Id) != 0, "The program should run.");
        using var held = File.OpenHandle($"/proc/{program}/fd/1", FileMode.Open, FileAccess.Write, FileShare.ReadWrite);

        Native.Kill(program, Signal.SIGKILL);

        var result = await Eventually.Ends(run);
        Assert.Equal((Signal.SIGKILL, "up\n"), (result.ExitStatus.Signal, result.StandardOutput));
        Assert.True(result.OutputTruncated); // nobody can know that no more came
    }

    private sealed class FullStream : MemoryStream
    {
        public override ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromException(new IOException("No space is left."));
    }

    private sealed class GatedStream : MemoryStream
    {
        private readonly TaskCompletionSource _first = new(), _open = new();

        public Task FirstWrite => _first.Task;

        public void Open() => _open.SetResult();

        public override async ValueTask WriteAsync(
            ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            _first.TrySetResult();
            await _open.Task;
            await base.WriteAsync(buffer, cancellationToken);
        }
    }
}
