using ContainerKit.Launch;

namespace ContainerKit.Tests;

/// <summary>What becomes of the capabilities that a program is to have, and which it cannot have.</summary>
public class CapabilityOptionsTests
{
    private static readonly CapabilitySet Two = [Capability.CAP_KILL, Capability.CAP_BPF];

    private static readonly CapabilitySets Mounting = new([Capability.CAP_SYS_ADMIN]);

    private static readonly ContainerOptions Writable = new()
    {
        Command = ["true"],
        Root = RootFilesystem.Empty,
        IdMap = IdMap.Automatic(),
        Capabilities = Mounting,
    };

    [Fact]
    public void Sets_print_by_their_names()
    {
        using var stage = new LaunchStage();
        stage.SetCapabilities(1, 1, 0);
        stage.SetCapabilities(0, 1UL << 40, (1UL << 31) | (1UL << 32));
        stage.RaiseAmbient(Capability.CAP_NET_BIND_SERVICE);

        Assert.Equal("""
            capset({effective = permitted = CAP_CHOWN})
            capset({permitted = CAP_CHECKPOINT_RESTORE, inheritable = CAP_SETFCAP | CAP_MAC_OVERRIDE})
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_BIND_SERVICE)
            """, stage.ToString());
    }

    [Fact]
    public void What_is_allowed_is_permitted_and_neither_inheritable_nor_ambient()
    {
        using var stage = new LaunchStage();
        SecurityFloor.DropBoundingSet(stage, Two);
        Assert.Equal($"""
            prctl(PR_CAPBSET_DROP, 0 to 4)
            prctl(PR_CAPBSET_DROP, 6 to 38)
            prctl(PR_CAPBSET_DROP, 40 to {File.ReadAllText("/proc/sys/kernel/cap_last_cap").TrimEnd()})
            """, stage.ToString());
        stage.Clear();
        SecurityFloor.DropPrivileges(stage, new(Two), mayLackKeys: false);

        Assert.Equal("""
            prctl(PR_SET_DUMPABLE, 0)
            keyctl(KEYCTL_JOIN_SESSION_KEYRING, 0)
            prctl(PR_CAP_AMBIENT, 4)
            capset({effective = permitted = CAP_KILL | CAP_BPF})
            prctl(PR_SET_NO_NEW_PRIVS, 1)
            """, stage.ToString());
    }

    [Fact]
    public void What_is_ambient_is_raised_last()
    {
        using var stage = new LaunchStage();
        SecurityFloor.DropPrivileges(stage, new(Two) { Inheritable = Two, Ambient = [Capability.CAP_BPF] }, mayLackKeys: false);

        Assert.EndsWith("""
            capset({effective = permitted = inheritable = CAP_KILL | CAP_BPF})
            prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_BPF)
            prctl(PR_SET_NO_NEW_PRIVS, 1)
            """, stage.ToString(), StringComparison.Ordinal);
    }

    public static TheoryData<CapabilitySets, string> Contradictions { get; } = new()
    {
        { new(default) { Permitted = Two }, "CAP_KILL, CAP_BPF in Permitted and not in Bounding" },
        { new(Two) { Permitted = default }, "CAP_KILL, CAP_BPF in Effective and not in Permitted" },
        { new(Two) { Inheritable = [Capability.CAP_CHOWN] }, "CAP_CHOWN in Inheritable and not in Bounding" },
        { new(Two) { Ambient = Two }, "CAP_KILL, CAP_BPF in Ambient and not in Inheritable" },
        {
            new(Two) { Effective = default, Permitted = default, Inheritable = Two, Ambient = Two },
            "CAP_KILL, CAP_BPF in Ambient and not in Permitted"
        },
    };

    [Theory]
    [MemberData(nameof(Contradictions))]
    public void Sets_that_contradict_each_other_are_refused(CapabilitySets sets, string complaint) =>
        Refuses(new() { Command = ["true"], Capabilities = sets }, complaint);

    [Fact]
    public void A_container_that_mounts_promises_nothing_read_only()
    {
        Container.Explain(Writable);
        Container.Explain(Writable with { Mounts = [new BindMount("/", "/mnt") { ReadOnly = false }] });

        Refuses(Writable with { Root = RootFilesystem.HostSystem }, "the read-only RootFilesystem.HostSystem");
        Refuses(Writable with { Root = RootFilesystem.EntireHost }, "the read-only RootFilesystem.EntireHost");
        Refuses(Writable with { Root = RootFilesystem.Directory("/srv") }, "RootFilesystem.Directory(\"/srv\")");
        Refuses(Writable with { Mounts = [new BindMount("/", "/mnt")] }, "BindMount");
        Refuses(
            Writable with { Mounts = [new BindMount("/", "/mnt") { ReadOnly = false, MapIds = true }] },
            "what the host has mounted read-only in BindMount");
        OptionsCheck.ValidateMount(Writable, new TmpfsMount("/mnt"));
        Assert.Throws<ArgumentException>(() => OptionsCheck.ValidateMount(Writable, new BindMount("/", "/mnt")));
        Refuses(Writable with { ReadOnlyPaths = ["/etc"] }, "ReadOnlyPaths");
        Refuses(Writable with { MaskedPaths = ["/etc"] }, "MaskedPaths");
    }

    [Fact]
    public void A_container_that_mounts_has_no_user_of_the_hosts_own()
    {
        Refuses(Writable with { IdMap = IdMap.Identity }, "IdMap.Identity");
        Refuses(Writable with { IdMap = IdMap.Ranges([new(0, 0, 1)], [new(0, 0, 1)]) }, "IdMap.Ranges");
        var own = (int)Linux.Syscall.EffectiveUser;
        Refuses(Writable with { IdMap = IdMap.SingleIdAs(own, own) }, "IdMap.SingleIdAs");
        if (own != 0)
        {
            Refuses(Writable with { IdMap = IdMap.SingleId }, "IdMap.SingleId");
        }
    }

    [Fact]
    public void Another_program_has_what_the_container_has_or_less()
    {
        var container = new ContainerOptions { Command = ["true"], Capabilities = new(Two) };
        var program = new ExecOptions { Command = ["true"] };

        Assert.Equal(new(Two), program.In(container).Capabilities);
        CapabilitySets less = new([Capability.CAP_KILL]);
        Assert.Equal(less, (program with { Capabilities = less }).In(container).Capabilities);
        Assert.Equal(CapabilitySets.None,
            (program with { Capabilities = CapabilitySets.None }).In(container).Capabilities);
        var refusal = Assert.Throws<ArgumentException>(
            () => (program with { Capabilities = new([Capability.CAP_CHOWN, .. Two]) }).In(container));
        Assert.Contains("CAP_CHOWN, which the container cannot have", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_detached_container_is_known_with_its_capabilities()
    {
        foreach (var sets in new[]
        {
            CapabilitySets.None, new(CapabilitySet.All),
            new(Two) { Inheritable = Two, Ambient = [Capability.CAP_BPF], Effective = default },
        })
        {
            var options = new ContainerOptions { Command = ["true"], Capabilities = sets };
            var record = DetachedRecord.Parse(DetachedRecord.Of(options, default).ToJson())!;
            Assert.Equal(sets, record.ToOptions().Capabilities);
        }
    }

    [Theory]
    [InlineData("[1]")]
    [InlineData("[1, 1, 1, 0, 9223372036854775808]")]
    [InlineData("[1, 1, 1, 0, 0, 0]")]
    public void A_damaged_record_has_none(string sets)
    {
        var options = new ContainerOptions { Command = ["true"], Capabilities = new(Two) };
        var json = System.Text.Encoding.UTF8.GetString(DetachedRecord.Of(options, default).ToJson());
        var damaged = json.Replace($"[{Two.Mask},{Two.Mask},{Two.Mask},0,0]", sets, StringComparison.Ordinal);
        Assert.NotEqual(json, damaged);

        Assert.Null(DetachedRecord.Parse(System.Text.Encoding.UTF8.GetBytes(damaged)));
    }

    private static void Refuses(ContainerOptions options, string complaint)
    {
        var refusal = Assert.Throws<ArgumentException>(() => Container.Explain(options));
        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
    }
}
