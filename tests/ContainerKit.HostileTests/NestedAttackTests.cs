namespace ContainerKit.HostileTests;

/// <summary>
/// Who attacks in hosts that are contained themselves, as far as these have what an attack is started with.
/// </summary>
[Trait(Tools.Needs, Tools.Self)]
public class NestedAttackTests
{
    /// <summary>But for what a neighbour cannot have there: a terminal, queues, memory of System V.</summary>
    private static readonly string[] WithoutNamespaces =
    [
        .. Attackers(Isolation.Restricted),
        "--filter-not-method", "*No_terminal_of_a_neighbour_*", "*Memory_queues_and_semaphores_of_a_neighbour_*",
    ];

    [Fact(Skip = "needs bwrap", SkipUnless = nameof(Tools.HasBubblewrap), SkipType = typeof(Tools))]
    public void Attackers_gain_nothing_in_a_sandbox_of_bubblewrap_without_namespaces() =>
        NestedHosts.AssertSuite(NestedHosts.StrictBubblewrap, WithoutNamespaces);

    [RootlessFact]
    public void Attackers_gain_nothing_in_a_sandbox_of_bubblewrap()
    {
        Assert.SkipUnless(Tools.HasBubblewrap, "needs bwrap");
        NestedHosts.AssertSuite(
            NestedHosts.Bubblewrap, [.. Attackers(Isolation.Rootless), "--filter-not-method", "*Keys_of_*"]);
        NestedHosts.AssertSuite(NestedHosts.Bubblewrap,
        [
            "--filter-class", "*.EscapeTests", "*.RaceTests", "*.HostileRootTests", "*.NeighbourTests",
            "--filter-not-method", "*A_file_of_the_host_cannot_be_found", "*A_setuid_program_gives_nothing",
            .. Results,
        ]);
    }

    [Fact]
    public void Attackers_gain_nothing_in_a_chroot() =>
        NestedHosts.AssertSuite(NestedHosts.Chroot, WithoutNamespaces);

    [Fact]
    public void Attackers_gain_nothing_where_there_are_no_namespaces() =>
        NestedHosts.AssertSuite(NestedHosts.WithoutNamespaces, WithoutNamespaces);

    [Fact(
        Skip = "needs golang-github-containers-common", SkipUnless = nameof(Tools.HasDockerProfile),
        SkipType = typeof(Tools))]
    public Task Attackers_gain_nothing_in_a_pod() => NestedHosts.AssertSuiteInPodAsync(
        [.. WithoutNamespaces, "--filter-not-method", "*Keys_of_*", "*A_key_of_*"]); // of which the host there has none

    private static string[] Attackers(Isolation tier) => ["--filter-trait", $"{Attack.Tier}={tier}", .. Results];

    /// <summary>Else their directory is made beside the tests, where it cannot everywhere.</summary>
    private static string[] Results => ["--results-directory", "/tmp"];
}
