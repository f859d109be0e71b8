using System.IO.Pipelines;

namespace ContainerKit.KernelTests;

/// <summary>Directories of changes serve one container at a time: what two would do is undefined.</summary>
public sealed class KeptLayerTests : IDisposable
{
    private static readonly string[] Sleeps = ["sh", "-c", "echo up; exec sleep 1000"];

    private readonly RootDirectory _root = new();
    private readonly TempDirectory _kept = new();

    private ContainerOptions Options =>
        _root.Options with { Root = RootFilesystem.Directory(_root.Path, CopyOnWrite.In(_kept.Path)) };

    [Fact]
    public async Task A_second_container_is_refused_until_the_first_is_gone()
    {
        using var end = new CancellationTokenSource();
        var output = new Pipe();
        var first = Container.RunAsync(
            Options with { Command = Sleeps, StandardOutput = StandardStream.To(output.Writer.AsStream()) }, end.Token);
        using var lines = new StreamReader(output.Reader.AsStream());
        Assert.Equal("up", await Eventually.Ends(lines.ReadLineAsync(TestContext.Current.CancellationToken).AsTask()));

        var refusal = await Refusal.OfOptionsAsync(Options);
        Assert.Contains($"'{_kept.Path}' takes the changes of another", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("a directory of its own", refusal.Message, StringComparison.Ordinal);

        await end.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => Eventually.Ends(first));
        Assert.Equal("again", await Script.OutputAsync(Options with { Command = ["echo", "again"] }));
    }

    [Fact]
    public async Task A_container_of_another_process_has_it_until_it_is_gone_even_if_its_host_is_killed()
    {
        await using var host = HostProcess.Start(["run", "--keep", _root.Path, _kept.Path, .. Sleeps]);
        Assert.Equal("up", await host.ReadLineAsync());
        await Refusal.OfOptionsAsync(Options);
        var below = ProcessTree.Below(host.Process.Id);

        // While the supervisor is stopped, its container lives on.
        Native.Kill(below[0].Id, Signal.SIGSTOP);
        await host.KillAsync();
        await Refusal.OfOptionsAsync(Options);

        Native.Kill(below[0].Id, Signal.SIGCONT);
        await AllGone(below);
        Assert.Equal("again", await Script.OutputAsync(Options with { Command = ["echo", "again"] }));
    }

    [Fact]
    public async Task A_container_whose_host_has_no_standard_descriptors_has_it()
    {
        await using var host = HostProcess.StartThrough(
            ["sh", "-c", "exec \"$0\" \"$@\" <&- 2>&-"], ["run", "--keep", _root.Path, _kept.Path, .. Sleeps]);
        Assert.Equal("up", await host.ReadLineAsync());
        var below = ProcessTree.Below(host.Process.Id);
        await host.KillAsync();

        await AllGone(below);
        Assert.Equal("again", await Script.OutputAsync(Options with { Command = ["echo", "again"] }));
    }

    [Fact]
    public async Task A_failed_start_gives_it_back()
    {
        await Refusal.OfStartAsync(Options with { Command = ["/no/such"] });

        Assert.Equal("again", await Script.OutputAsync(Options with { Command = ["echo", "again"] }));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(_kept["lock"]));
    }

    [Fact]
    public async Task A_lock_that_is_a_link_is_not_followed()
    {
        File.CreateSymbolicLink(_kept["lock"], Path.Combine(_root.Canary, "made"));
        var refusal = await Refusal.OfAsync<LinuxException>(Options);

        Assert.Equal(Errno.ELOOP, refusal.Errno);
        _root.AssertCanaryUntouched();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Directory.Exists(_kept["work/work"]))
        {
            File.SetUnixFileMode(_kept["work/work"], (UnixFileMode)0x1C0); // 0700, or it could not be removed
        }

        _kept.Dispose();
        _root.Dispose();
    }

    private static async Task AllGone(List<ProcessEntry> processes)
    {
        foreach (var process in processes)
        {
            await Eventually.Gone(process.Id);
        }
    }
}
