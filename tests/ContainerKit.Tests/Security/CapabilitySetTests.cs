namespace ContainerKit.Tests;

public class CapabilitySetTests
{
    [Theory]
    [InlineData("CAP_CHOWN", Capability.CAP_CHOWN)]
    [InlineData("cap_net_admin", Capability.CAP_NET_ADMIN)]
    [InlineData("Net_Admin", Capability.CAP_NET_ADMIN)]
    [InlineData("checkpoint_restore", Capability.CAP_CHECKPOINT_RESTORE)]
    public void A_name_is_read_in_any_case_with_or_without_its_prefix(string name, Capability capability) =>
        Assert.Equal<CapabilitySet>([capability], CapabilitySet.Parse([name]));

    [Theory]
    [InlineData("")]
    [InlineData("CAP_")]
    [InlineData("CAP_CAP_CHOWN")]
    [InlineData("CAP_NOTHING")]
    [InlineData(" chown")]
    [InlineData("chown,kill")]
    [InlineData("0")]
    [InlineData("CAP_ALL")]
    [InlineData("\u017fetuid")] // whose upper case is SETUID
    public void A_name_that_is_none_is_named(string name)
    {
        var refusal = Assert.Throws<ArgumentException>(() => CapabilitySet.Parse(["CHOWN", name]));
        Assert.Contains($"'{name}' is no capability", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_null_is_no_name()
    {
        Assert.Throws<ArgumentException>(() => CapabilitySet.Parse([null!]));
        Assert.Throws<ArgumentNullException>(() => CapabilitySet.Parse(null!));
    }

    [Fact]
    public void All_has_every_capability_there_is()
    {
        Assert.Equal(Enum.GetValues<Capability>(), CapabilitySet.All);
        Assert.Equal(41, CapabilitySet.All.Count);
        Assert.Equal(CapabilitySet.All, CapabilitySet.Parse(["chown", "all"]));
        Assert.Empty(CapabilitySet.None);
        Assert.Equal(default, CapabilitySet.None);
    }

    [Fact]
    public void Sets_are_joined_and_parted()
    {
        CapabilitySet two = [Capability.CAP_KILL, Capability.CAP_CHOWN, Capability.CAP_KILL];

        Assert.Equal(2, two.Count);
        Assert.Equal<CapabilitySet>([.. two, Capability.CAP_BPF], two.With([Capability.CAP_BPF]));
        Assert.Equal<CapabilitySet>([Capability.CAP_CHOWN], two.Without([Capability.CAP_KILL, Capability.CAP_BPF]));
        Assert.True(two.Contains(Capability.CAP_KILL));
        Assert.False(two.Contains(Capability.CAP_BPF));
        Assert.False(CapabilitySet.All.Contains((Capability)64));
        Assert.Throws<ArgumentException>(() => CapabilitySet.Of((Capability)41));
        Assert.Throws<ArgumentException>(() => CapabilitySet.Of((Capability)(-1)));
    }

    [Fact]
    public void A_set_prints_its_names()
    {
        Assert.Equal("CAP_CHOWN, CAP_KILL", $"{CapabilitySet.Of(Capability.CAP_KILL, Capability.CAP_CHOWN)}");
        Assert.Equal(("none", "all"), ($"{CapabilitySet.None}", $"{CapabilitySet.All}"));
    }

    [Fact]
    public void Dockers_are_those_of_its_documentation() =>
        Assert.Equal(
            CapabilitySet.Parse(
            [
                "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE",
                "NET_RAW", "SETFCAP", "SETGID", "SETPCAP", "SETUID", "SYS_CHROOT",
            ]),
            CapabilitySet.Docker);
}
