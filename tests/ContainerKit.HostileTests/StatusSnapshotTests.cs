namespace ContainerKit.HostileTests;

/// <summary>What the kernel says of a program's privileges, for each kind of start.</summary>
public class StatusSnapshotTests
{
    private const string Look =
        "grep -E '^(Uid|Gid|Groups|Cap...|NoNewPrivs|Seccomp|Seccomp_filters):' /proc/self/status";

    public static MatrixTheoryData<string, string> All { get; } = new(Starts.Kinds, ["0", "1000"]);

    public static MatrixTheoryData<string, string> Profiles { get; } = new(
        Starts.Kinds,
        [
            nameof(SandboxProfiles.Plugin), nameof(SandboxProfiles.BuildStep), nameof(SandboxProfiles.DockerCompatible),
        ]);

    public static TheoryData<string> WithoutNamespaces { get; } = [.. Starts.WithoutNamespaces];

    [Theory]
    [MemberData(nameof(All))]
    public async Task CVE_2022_29162_CVE_2022_24769_CVE_2022_36109_A_program_has_no_privilege_however_it_is_started(
        string kind, string user)
    {
        using var groups = new FurtherGroups();
        var status = await StatusAsync(kind, Script.Shell("") with { User = user });

        Assert.Equal($"""
            Uid: {user} {user} {user} {user}
            Gid: {user} {user} {user} {user}
            Groups:
            CapInh: 0000000000000000
            CapPrm: 0000000000000000
            CapEff: 0000000000000000
            CapBnd: 0000000000000000
            CapAmb: 0000000000000000
            NoNewPrivs: 1
            Seccomp: 2
            Seccomp_filters: 1
            """, status);
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task CVE_2022_24769_CVE_2022_27649_CVE_2022_27650_CVE_2022_27651_Capabilities_are_not_inheritable(
        string kind, string user)
    {
        var status = await StatusAsync(
            kind, Script.Shell("") with { User = user, Capabilities = new(CapabilitySet.Docker) });

        // Of another user than root they are no more than what it might have.
        const string none = "0000000000000000", docker = "00000000a80425fb";
        Assert.Equal($"""
            CapInh: {none}
            CapPrm: {(user == "0" ? docker : none)}
            CapEff: {(user == "0" ? docker : none)}
            CapBnd: {docker}
            CapAmb: {none}
            """, Lines(status, "Cap"));
    }

    [Theory]
    [MemberData(nameof(All))]
    public async Task What_is_asked_for_as_inheritable_and_ambient_every_user_has(string kind, string user)
    {
        CapabilitySet given = [Capability.CAP_NET_BIND_SERVICE, Capability.CAP_BPF];
        var status = await StatusAsync(kind, Script.Shell("") with
        {
            User = user,
            Capabilities = new(given) { Inheritable = given, Ambient = given },
        });

        Assert.Equal("""
            CapInh: 0000008000000400
            CapPrm: 0000008000000400
            CapEff: 0000008000000400
            CapBnd: 0000008000000400
            CapAmb: 0000008000000400
            """, Lines(status, "Cap"));
    }

    [Theory]
    [MemberData(nameof(Profiles))]
    public async Task A_program_of_a_profile_has_what_the_profile_gives_it_however_it_is_started(
        string kind, string profile)
    {
        using var groups = new FurtherGroups();
        var options = profile switch
        {
            nameof(SandboxProfiles.Plugin) => SandboxProfiles.Plugin,
            nameof(SandboxProfiles.BuildStep) => SandboxProfiles.BuildStep,
            _ => SandboxProfiles.DockerCompatible,
        };
        if (kind.EndsWith("detached", StringComparison.Ordinal)) // which is there to outlive its host
        {
            options = options with
            {
                MinimumIsolation = Isolation.Rootless,
                RequiredIsolation = options.RequiredIsolation & ~IsolationProperties.DiesWithHost,
            };
        }

        var status = await StatusAsync(kind, options);

        var given = profile is nameof(SandboxProfiles.DockerCompatible) ? "00000000a80425fb" : "0000000000000000";
        Assert.Equal($"""
            Uid: 0 0 0 0
            Gid: 0 0 0 0
            Groups:
            CapInh: 0000000000000000
            CapPrm: {given}
            CapEff: {given}
            CapBnd: {given}
            CapAmb: 0000000000000000
            NoNewPrivs: 1
            Seccomp: 2
            Seccomp_filters: 1
            """, status);
    }

    [Theory]
    [MemberData(nameof(WithoutNamespaces))]
    public async Task A_program_without_namespaces_has_no_privilege_of_its_user_however_it_is_started(string kind)
    {
        using var groups = new FurtherGroups();
        await using var host = new ContainerHost(new() { WithoutNamespaces = true });
        var status = await StatusAsync(
            kind, Script.Shell("") with { MinimumIsolation = Isolation.Restricted }, host);

        // Its user remains; an ordinary one has no say in its groups, nor in what could be had.
        var bounding = File.ReadLines("/proc/self/status")
            .Single(line => line.StartsWith("CapBnd", StringComparison.Ordinal)).Split('\t')[1];
        var (user, group) = (Linux.Syscall.EffectiveUser, Linux.Syscall.EffectiveGroup);
        Assert.Equal($"""
            Uid: {user} {user} {user} {user}
            Gid: {group} {group} {group} {group}
            Groups:
            CapInh: 0000000000000000
            CapPrm: 0000000000000000
            CapEff: 0000000000000000
            CapBnd: {(Host.IsRoot ? "0000000000000000" : bounding)}
            CapAmb: 0000000000000000
            NoNewPrivs: 1
            Seccomp: 2
            Seccomp_filters: 1
            """, status);
    }

    [Theory]
    [InlineData("run")]
    [InlineData("detached")]
    public async Task The_init_has_no_more_than_the_program(string kind)
    {
        const string look = "grep -E '^(Cap|NoNewPrivs)' /proc/", own = $"{look}self/status", init = $"{look}1/status";
        foreach (var sets in new[] { CapabilitySets.None, new(CapabilitySet.Docker) })
        {
            var options = Script.Shell("") with { Capabilities = sets };
            Assert.Equal(
                await Starts.OutputAsync(kind, options, own), await Starts.OutputAsync(kind, options, init));
        }
    }

    /// <summary>The lines, with one space between words; groups that an ordinary user cannot drop are none.</summary>
    private static async Task<string> StatusAsync(string kind, ContainerOptions options, ContainerHost? host = null)
    {
        var status = await Starts.OutputAsync(kind, options, Look, host);
        return string.Join('\n', status.Split('\n').Select(Line));

        static string Line(string line)
        {
            var words = line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            return words[0] != "Groups:" || Host.IsRoot ? string.Join(' ', words) : words[0];
        }
    }

    private static string Lines(string status, string start) =>
        string.Join('\n', status.Split('\n').Where(line => line.StartsWith(start, StringComparison.Ordinal)));
}
