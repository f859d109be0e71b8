namespace ContainerKit.KernelTests;

/// <summary>Namespaces that nobody can join, or not this user.</summary>
public class JoinRefusalTests
{
    private static CancellationToken Cancelled => TestContext.Current.CancellationToken;

    private static ContainerOptions Sleeper => new() { Command = ["sleep", "1000"] };

    [Fact]
    public async Task A_pid_namespace_whose_first_process_has_ended_takes_no_other_and_the_error_says_so()
    {
        await using var ended = await Container.StartAsync(Sleeper, Cancelled);
        var joined = ended.OpenNamespaces(NamespaceKinds.User | NamespaceKinds.Pid);
        await ended.DisposeAsync();

        var before = await Leftovers.Before();
        var failure = await Refusal.OfStartAsync(new() { Command = ["true"], Join = joined });
        Assert.Equal(Errno.ENOMEM, failure.Errno);
        Assert.Contains("PID 1 has ended", failure.Hint, StringComparison.Ordinal);
        failure = await Assert.ThrowsAsync<LaunchException>(() => joined.RunAsync(["true"], Cancelled));
        Assert.Equal(Errno.ENOMEM, failure.Errno);
        Assert.Contains("PID 1 has ended", failure.Hint, StringComparison.Ordinal);
        await before.AssertNone();
    }

    [Fact]
    public async Task A_namespace_that_was_given_up_is_joined_by_nobody()
    {
        await using var container = await Container.StartAsync(Sleeper, Cancelled);
        var user = container.OpenNamespaces(NamespaceKinds.User);
        user[0].Dispose();

        await Refusal.OfAsync<ObjectDisposedException>(Sleeper with { Join = user });
        var before = await Leftovers.Before();
        await Assert.ThrowsAsync<ObjectDisposedException>(() => user.RunAsync(["true"], Cancelled));
        await Assert.ThrowsAsync<ObjectDisposedException>(
            () => Namespace.CreateAsync(NamespaceKinds.Network, new() { Owner = user[0] }, Cancelled));
        await before.AssertNone();
    }

    [Fact]
    public async Task This_processs_own_user_namespace_is_no_other_and_the_error_says_so()
    {
        Namespace[] own = [Namespace.OfThisProcess(NamespaceKinds.User)];
        var before = await Leftovers.Before();
        var failure = await Assert.ThrowsAsync<LaunchException>(() => own.RunAsync(["true"], Cancelled));
        Assert.Equal(("setns", Errno.EINVAL), (failure.Call, failure.Errno));
        Assert.Contains("in it already", failure.Hint, StringComparison.Ordinal);
        await before.AssertNone();
    }

    [Fact]
    public async Task A_user_namespace_above_this_processs_own_is_a_foreign_owners_and_the_error_says_so()
    {
        await using var host = HostProcess.StartThrough(
            ["sh", "-c", "exec 9</proc/self/ns/user; exec unshare --user --map-root-user \"$@\"", "sh"],
            "join", "/proc/self/fd/9");
        await AssertRefusedAsync(host);
    }

    [RootFact]
    public async Task A_user_namespace_of_another_user_is_a_foreign_owners_and_the_error_says_so()
    {
        await using var container = await Container.StartAsync(Sleeper, Cancelled);
        await using var host = HostProcess.StartThrough(
            ["sh", "-c",
                $"exec 9</proc/{container.Pid}/ns/user; exec setpriv --reuid 54321 --regid 54321 --clear-groups \"$@\"",
                "sh"],
            "join", "/proc/self/fd/9");
        await AssertRefusedAsync(host);
        Assert.True(ProcessTree.IsAlive(container.Pid));
    }

    private static async Task AssertRefusedAsync(HostProcess host)
    {
        var (code, output) = await host.EndAsync();
        Assert.True(code == 0, host.Errors);
        var lines = output.Split('\n');
        Assert.Equal("setns EPERM", lines[0]);
        Assert.Contains("of a parent, was made by another user", lines[1], StringComparison.Ordinal);
    }
}
