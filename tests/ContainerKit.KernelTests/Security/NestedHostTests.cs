namespace ContainerKit.KernelTests.Security;

/// <summary>
/// Hosts that are contained themselves: each starts a program as well as it can, and its report says what keeps it from
/// more.
/// </summary>
[Trait(Tools.Needs, Tools.Self)]
public class NestedHostTests
{
    /// <summary>
    /// All but those that also start something in namespaces or look into a supervisor, and one that takes its time.
    /// </summary>
    private static readonly string[] Suite =
    [
        "--filter-class", "*.RestrictedTests",
        "--filter-not-method", "*A_single_process_*", "*It_writes_in_a_directory_*", "*fills_its_directory_*",
        "*Its_supervisor_keeps_*",
        "--results-directory", "/tmp", // else one is made beside the tests, where it cannot everywhere
    ];

    [Fact(Skip = "needs bwrap", SkipUnless = nameof(Tools.HasBubblewrap), SkipType = typeof(Tools))]
    public async Task In_a_sandbox_of_bubblewrap_it_has_namespaces_unless_that_covers_proc()
    {
        await using var host = HostProcess.StartThrough(NestedHosts.Bubblewrap, "restricted", "--choose", "true");
        Assert.Equal(
            (0, $"{(Host.IsRoot ? Isolation.Restricted : Isolation.Rootless)}: exited with code 0\n"),
            await host.EndAsync());
    }

    [Fact(Skip = "needs bwrap", SkipUnless = nameof(Tools.HasBubblewrap), SkipType = typeof(Tools))]
    public Task In_a_sandbox_of_bubblewrap_without_user_namespaces_it_is_restricted() =>
        AssertRestrictedAsync(NestedHosts.StrictBubblewrap, "max_user_namespaces");

    [Fact]
    public Task In_a_chroot_it_is_restricted() => AssertRestrictedAsync(NestedHosts.Chroot, "chroot");

    [Fact(
        Skip = "needs golang-github-containers-common", SkipUnless = nameof(Tools.HasDockerProfile),
        SkipType = typeof(Tools))]
    public async Task In_a_pod_it_is_restricted()
    {
        var (less, more) = (await StartInPodAsync("--choose"), await StartInPodAsync("--rootless"));

        Assert.Equal("up\nRestricted: exited with code 3\n", less.StandardOutput);
        Assert.Equal(1, more.ExitStatus.ExitCode);
        Assert.StartsWith("isolation Rootless: no, ", more.StandardOutput, StringComparison.Ordinal);
        Assert.Contains("seccomp", more.StandardOutput, StringComparison.Ordinal);
    }

    [Fact(Skip = "needs bwrap", SkipUnless = nameof(Tools.HasBubblewrap), SkipType = typeof(Tools))]
    public void The_tests_without_namespaces_pass_in_a_sandbox_of_bubblewrap() =>
        NestedHosts.AssertSuite(NestedHosts.StrictBubblewrap, Suite);

    [Fact]
    public void The_tests_without_namespaces_pass_in_a_chroot() => NestedHosts.AssertSuite(NestedHosts.Chroot, Suite);

    [Fact]
    public void The_tests_without_namespaces_pass_where_there_are_none() =>
        NestedHosts.AssertSuite(NestedHosts.WithoutNamespaces, Suite);

    [Fact(
        Skip = "needs golang-github-containers-common", SkipUnless = nameof(Tools.HasDockerProfile),
        SkipType = typeof(Tools))]
    public Task The_tests_without_namespaces_pass_in_a_pod() => NestedHosts.AssertSuiteInPodAsync(Suite);

    [RootlessFact]
    public void The_floor_holds_in_a_sandbox_of_bubblewrap()
    {
        Assert.SkipUnless(Tools.HasBubblewrap, "needs bwrap");
        NestedHosts.AssertSuite(NestedHosts.Bubblewrap, "--filter-class", "*.FloorTests", "--results-directory", "/tmp");
    }

    private static async Task AssertRestrictedAsync(string[] through, string reason)
    {
        await using (var host = HostProcess.StartThrough(through, "restricted", "--choose", "sh", "-c", "echo up; exit 3"))
        {
            Assert.Equal((0, "up\nRestricted: exited with code 3\n"), await host.EndAsync());
        }

        await using var refused = HostProcess.StartThrough(through, "restricted", "--rootless", "true");
        var (exitCode, output) = await refused.EndAsync();
        Assert.Equal(1, exitCode);
        Assert.StartsWith("isolation Rootless: no, ", output, StringComparison.Ordinal);
        Assert.Contains(reason, output, StringComparison.Ordinal);
    }

    private static Task<ContainerResult> StartInPodAsync(string choice) =>
        NestedHosts.RunInPodAsync("ContainerKit.TestHost", "restricted", choice, "sh", "-c", "echo up; exit 3");
}
