namespace ContainerKit.KernelTests;

public class SupportTests
{
    [Fact(Skip = "needs user namespaces", SkipUnless = nameof(Host.HasUserNamespaces), SkipType = typeof(Host))]
    public async Task A_host_process_runs_a_container_and_says_how_it_ended()
    {
        await using var host = HostProcess.Start("run", "sh", "-c", "echo up; exit 3");
        Assert.Equal((0, "up\nexited with code 3\n"), await host.EndAsync());
    }

    [Fact]
    public async Task What_is_left_behind_is_found()
    {
        var leftovers = await Leftovers.Before();
        using (var directory = new TempDirectory())
        {
            await Assert.ThrowsAnyAsync<Exception>(() => leftovers.AssertNone(seconds: 0));
        }

        await leftovers.AssertNone();
    }

    [Fact]
    public async Task A_launcher_that_outlives_its_host_is_found()
    {
        var leftovers = await Leftovers.Before();
        ProcessEntry supervisor;
        await using (var host = HostProcess.Start("run", "sh", "-c", "echo up; sleep 1000"))
        {
            Assert.Equal("up", await host.ReadLineAsync());
            supervisor = Assert.Single(ProcessTree.ChildrenOf(host.Process.Id));
            Native.Kill(supervisor.Id, Signal.SIGSTOP);
        }

        try
        {
            var found = await Assert.ThrowsAnyAsync<Exception>(() => leftovers.AssertNone(seconds: 0));
            Assert.Contains($"process: {supervisor.Id} ", found.Message, StringComparison.Ordinal);
        }
        finally
        {
            Native.Kill(supervisor.Id, Signal.SIGCONT);
        }

        await leftovers.AssertNone();
    }

    [RootFact]
    public void Tests_of_root_run_as_root() => Assert.True(Host.IsRoot);
}
