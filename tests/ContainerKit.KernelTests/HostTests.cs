namespace ContainerKit.KernelTests;

public class HostTests
{
    [Fact]
    public async Task The_default_host_starts_containers_after_somebody_disposed_it()
    {
        await ContainerHost.Default.DisposeAsync();

        Assert.Equal("still here", await Script.OutputAsync(Script.Shell("echo still here")));
    }

    [Fact]
    public async Task A_host_that_is_disposed_ends_what_runs_and_starts_nothing_more()
    {
        var host = new ContainerHost();
        var run = host.RunAsync(new() { Command = ["sleep", "1000"] }, TestContext.Current.CancellationToken);
        await host.DisposeAsync();

        Assert.Equal(Signal.SIGKILL, (await run).ExitStatus.Signal);
        await Assert.ThrowsAsync<ObjectDisposedException>(() =>
            host.RunAsync(new() { Command = ["true"] }, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_core_limit_and_an_impossible_mode_are_refused_before_anything_is_made()
    {
        await Refusal.OfOptionsAsync(new() { Command = ["true"], ResourceLimits = [new(Resource.RLIMIT_CORE, 0)] });
        await Refusal.OfOptionsAsync(new() { Command = ["true"], Mounts = [new InlineFile("/x", "y") { Mode = -1 }] });
    }

    [Fact]
    public void The_content_of_an_inline_file_is_not_printed() =>
        Assert.DoesNotContain("a secret", Container.Explain(new()
        {
            Command = ["true"],
            Mounts = [new InlineFile("/etc/key", "a secret")],
        }), StringComparison.Ordinal);
}
