namespace ContainerKit.Tests.Cgroups;

/// <summary>Rules are checked, printed, and put together.</summary>
public class DeviceRuleTests
{
    private const DeviceAccess Read = DeviceAccess.Read, Write = DeviceAccess.Write;

    [Theory]
    [InlineData("c 1:3 rwm")]
    [InlineData("b *:* m")]
    [InlineData("b 8:* rw")]
    [InlineData("c *:0 r")]
    [InlineData("a *:* rwm")]
    public void A_rule_is_read_as_it_is_printed(string text) =>
        Assert.Equal(text, DeviceRule.Parse(text).ToString());

    [Fact]
    public void The_defaults_are_the_devices_that_harm_nobody() =>
        Assert.Equal(
            ["c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"],
            DeviceRule.Defaults.Select(rule => rule.ToString()));

    [Fact]
    public void A_path_names_a_device_and_nothing_else()
    {
        Assert.Equal(new(DeviceKind.Character, 1, 3, Read), DeviceRule.At("/dev/null", Read));
        Assert.Throws<ArgumentException>(() => DeviceRule.At("/"));
        Assert.Throws<LinuxException>(() => DeviceRule.At("/dev/nothing"));
    }

    [Theory]
    [InlineData(DeviceKind.Character, -1, 3, Read)]
    [InlineData(DeviceKind.Character, 1, -1, Read)]
    [InlineData(DeviceKind.Character, 4096, 3, Read)]
    [InlineData(DeviceKind.Block, 1, 1 << 20, Read)]
    [InlineData(DeviceKind.Block, 1, 1, DeviceAccess.None)]
    [InlineData(DeviceKind.Block, 1, 1, (DeviceAccess)8)]
    [InlineData((DeviceKind)3, 1, 1, Read)]
    [InlineData((DeviceKind)(-1), 1, 1, Read)]
    public void A_rule_that_no_device_or_access_can_match_is_refused(
        DeviceKind kind, int? major, int? minor, DeviceAccess access)
    {
        var limits = new CgroupLimits { Devices = [DeviceRule.All, new(kind, major, minor, access)] };
        Assert.Throws<ArgumentException>(limits.Validate);
    }

    [Fact]
    public void A_rule_that_is_null_is_refused() =>
        Assert.Throws<ArgumentException>(new CgroupLimits { Devices = [null!] }.Validate);

    [Fact]
    public void The_largest_numbers_are_accepted() =>
        new CgroupLimits { Devices = [new(DeviceKind.Any, 4095, 1048575, Read), .. DeviceRule.Defaults] }.Validate();

    [Fact]
    public void Rules_of_the_same_numbers_are_one() =>
        Assert.Equal(["c 1:3 rw"], Together("c 1:3 r", "c 1:3 w", "c 1:3 r"));

    [Theory]
    [InlineData("c 1:* rw")]
    [InlineData("c *:3 rw")]
    [InlineData("c *:* rw")]
    public void What_another_rule_covers_is_left_out(string other)
    {
        Assert.Equal([other], Together("c 1:3 r", other));
        Assert.Equal(["c 1:3 rm", other], Together("c 1:3 rm", other));
        Assert.Equal(["b 1:3 r", other], Together("b 1:3 r", other));
    }

    [Fact]
    public void Both_kinds_whole_are_all()
    {
        Assert.Equal([DeviceRule.All], new DeviceRules([DeviceRule.All, .. DeviceRule.Defaults]).ToList());
        Assert.Equal(["a *:* rwm"], Together("b *:* rw", "c *:* rwm", "b *:* m"));
        Assert.False(new DeviceRules([DeviceRule.All with { Access = Read | Write }]).AllowAll);
    }

    [Fact]
    public void Either_kind_is_a_rule_for_each() =>
        Assert.Equal(["c 1:3 r", "b 1:3 r"], Together("a 1:3 r"));

    [Fact]
    public void What_is_more_is_told_by_numbers_and_access() =>
        Assert.Equal(
            ["c 1:3 w", "c 1:5 rwm"],
            Rules("c 1:3 rw", "c 1:5 rwm", "c 1:7 r").Except(Rules("c 1:3 rm", "c 1:7 rwm", "b 1:5 r"))
                .Select(rule => rule.ToString()));

    private static IEnumerable<string> Together(params string[] rules) =>
        Rules(rules).ToList().Select(rule => rule.ToString());

    private static DeviceRules Rules(params string[] rules) => new(rules.Select(DeviceRule.Parse));
}
