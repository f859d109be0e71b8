namespace ContainerKit.HostileTests;

/// <summary>Who attacks without namespaces, in hosts that are contained themselves and have no others.</summary>
[Trait(Tools.Needs, Tools.Self)]
public class NestedAttackTests
{
    /// <summary>But for a neighbour's terminal, which there is none of.</summary>
    private static readonly string[] Attacks =
    [
        "--filter-trait", $"{Attack.Attacker}={nameof(Isolation.Restricted)}", "--filter-not-method", "*No_terminal_of_a_neighbour_*",
        "--results-directory", "/tmp", // else one is made beside the tests, where it cannot everywhere
    ];

    [Fact(Skip = "needs bwrap", SkipUnless = nameof(Tools.HasBubblewrap), SkipType = typeof(Tools))]
    public void Attackers_gain_nothing_in_a_sandbox_of_bubblewrap() =>
        NestedHosts.AssertSuite(NestedHosts.StrictBubblewrap, Attacks);

    [Fact]
    public void Attackers_gain_nothing_in_a_chroot() => NestedHosts.AssertSuite(NestedHosts.Chroot, Attacks);

    [Fact]
    public void Attackers_gain_nothing_where_there_are_no_namespaces() =>
        NestedHosts.AssertSuite(NestedHosts.WithoutNamespaces, Attacks);

    [Fact(
        Skip = "needs golang-github-containers-common", SkipUnless = nameof(Tools.HasDockerProfile),
        SkipType = typeof(Tools))]
    public Task Attackers_gain_nothing_in_a_pod() => NestedHosts.AssertSuiteInPodAsync(
        [.. Attacks, "--filter-not-method", "*Keys_of_*", "*A_key_of_*"]); // of which there the host has none
}
