using System.Text.RegularExpressions;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.Tests;

/// <summary>What becomes of Landlock rules with each version of it, and which cannot be meant.</summary>
public partial class LandlockRulesTests
{
    private static readonly Descriptor Root = Descriptor.Number(9);

    private static readonly LandlockRules Full = new()
    {
        Paths = [new("/usr", LandlockAccess.ReadExecute), new("/tmp", LandlockAccess.MakePipe)],
        TcpBindPorts = [80, 0],
        TcpConnectPorts = [443],
        Scopes = LandlockScopes.Signals | LandlockScopes.AbstractSockets,
        LogsDenials = true,
        LogsNestedDenials = false,
    };

    [Fact]
    public void A_path_is_opened_in_the_root_through_no_link_and_as_a_directory_where_it_is_one()
    {
        using var stage = new LaunchStage();
        new LandlockPath("/a/b", LandlockAccess.ReadExecute).AddTo(
            stage, Root, Root, LandlockAccess.All, staysOpen: false);

        Assert.Equal("""
            $1 = openat2(9, "/a/b/", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT)
            landlock_add_rule(9, LANDLOCK_RULE_PATH_BENEATH, {LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR, $1}, 0)
            close($1)
            $2 = openat2(9, "/a/b", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT)
            landlock_add_rule(9, LANDLOCK_RULE_PATH_BENEATH, {LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE, $2}, 0)
            close($2)
            """, Numbered(stage));
        Assert.Equal(((uint)Errno.ENOTDIR, 0u), (stage[0].Tolerated, stage[3].Tolerated));
    }

    [Fact]
    public void What_only_files_or_only_directories_have_is_one_rule()
    {
        using var stage = new LaunchStage();
        new LandlockPath("/a", LandlockAccess.ReadFile).AddTo(
            stage, Root, Root, LandlockAccess.All, staysOpen: false);
        new LandlockPath("/", LandlockAccess.MakeFile).AddTo(
            stage, Root, Root, LandlockAccess.All, staysOpen: false);

        Assert.Equal("""
            $1 = openat2(9, "/a", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT)
            landlock_add_rule(9, LANDLOCK_RULE_PATH_BENEATH, {LANDLOCK_ACCESS_FS_READ_FILE, $1}, 0)
            close($1)
            $2 = openat2(9, "/", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT)
            landlock_add_rule(9, LANDLOCK_RULE_PATH_BENEATH, {LANDLOCK_ACCESS_FS_MAKE_REG, $2}, 0)
            close($2)
            """, Numbered(stage));
        Assert.All(stage.Steps.ToArray(), step => Assert.Equal(0u, step.Tolerated));
    }

    [Fact]
    public void Everything_that_can_be_restricted_is()
    {
        const string files = "LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_FILE"
            + " | LANDLOCK_ACCESS_FS_READ_DIR | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE"
            + " | LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG"
            + " | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK"
            + " | LANDLOCK_ACCESS_FS_MAKE_SYM | LANDLOCK_ACCESS_FS_REFER | LANDLOCK_ACCESS_FS_TRUNCATE"
            + " | LANDLOCK_ACCESS_FS_IOCTL_DEV";
        const string ports = "LANDLOCK_ACCESS_NET_BIND_TCP | LANDLOCK_ACCESS_NET_CONNECT_TCP";
        const string scopes = "LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | LANDLOCK_SCOPE_SIGNAL";
        const string logs = "LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON | LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF";
        var lines = Print(Full with { Paths = [] }, version: 7).Split('\n');

        Assert.Equal(
        [
            $"$8 = landlock_create_ruleset({{{files}, {ports}, {scopes}}}, 24, 0)",
            "landlock_add_rule($8, LANDLOCK_RULE_NET_PORT, {LANDLOCK_ACCESS_NET_BIND_TCP, 80}, 0)",
            "landlock_add_rule($8, LANDLOCK_RULE_NET_PORT, {LANDLOCK_ACCESS_NET_BIND_TCP, 0}, 0)",
            "landlock_add_rule($8, LANDLOCK_RULE_NET_PORT, {LANDLOCK_ACCESS_NET_CONNECT_TCP, 443}, 0)",
            $"landlock_restrict_self($8, {logs})",
        ], lines);
    }

    [Theory]
    [InlineData(1, "REFER TRUNCATE IOCTL_DEV NET_ SCOPE_ LOG_")]
    [InlineData(2, "TRUNCATE IOCTL_DEV NET_ SCOPE_ LOG_")]
    [InlineData(3, "IOCTL_DEV NET_ SCOPE_ LOG_")]
    [InlineData(4, "IOCTL_DEV SCOPE_ LOG_")]
    [InlineData(5, "SCOPE_ LOG_")]
    [InlineData(6, "LOG_")]
    [InlineData(7, "")]
    [InlineData(8, "")]
    public void An_older_version_is_asked_for_nothing_that_it_does_not_know(int version, string unknown)
    {
        var (plan, all) = (Print(Full, version), "REFER TRUNCATE IOCTL_DEV NET_ SCOPE_ LOG_".Split(' '));

        Assert.Equal(unknown, string.Join(' ', all.Where(part => !plan.Contains(part, StringComparison.Ordinal))));
        Assert.Contains("MAKE_FIFO", plan, StringComparison.Ordinal);
    }

    [Fact]
    public void Nothing_is_made_where_nothing_can_be_restricted()
    {
        Assert.Equal("", Print(Full, version: 0));
        Assert.Equal("", Print(new() { TcpBindPorts = [] }, version: 3));
        Assert.Equal("", Print(new() { Scopes = LandlockScopes.Signals }, version: 5));
        Assert.Equal("", Print(new() { Paths = [], RestrictedAccess = LandlockAccess.Truncate }, version: 2));
    }

    [Theory]
    [InlineData(64, false)]
    [InlineData(65, true)]
    public void Many_places_are_not_all_open_at_once(int paths, bool closes)
    {
        var plan = Print(
            new() { Paths = [.. Enumerable.Range(0, paths).Select(i => new LandlockPath($"/{i}", LandlockAccess.All))] },
            version: 7);

        Assert.Equal(closes, plan.Contains("close($", StringComparison.Ordinal));
    }

    [Fact]
    public void Only_what_is_restricted_is_allowed()
    {
        var plan = Print(
            new() { Paths = [new("/a", LandlockAccess.ReadWrite)], RestrictedAccess = LandlockAccess.WriteFile },
            version: 7);

        Assert.Equal("""
            $8 = landlock_create_ruleset({LANDLOCK_ACCESS_FS_WRITE_FILE, 0, 0}, 24, 0)
            $1 = openat2(9, "/a", O_CLOEXEC | O_PATH, RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_IN_ROOT)
            landlock_add_rule($8, LANDLOCK_RULE_PATH_BENEATH, {LANDLOCK_ACCESS_FS_WRITE_FILE, $1}, 0)
            landlock_restrict_self($8, 0)
            """, plan);
    }

    [Fact]
    public void Each_access_is_the_kernels()
    {
        var names = Enum.GetValues<LandlockAccess>().Where(access => int.IsPow2((int)access))
            .Select(access => $"{access} = {(LandlockFileRights)access}").ToList();

        Assert.Equal(
        [
            "Execute = LANDLOCK_ACCESS_FS_EXECUTE", "WriteFile = LANDLOCK_ACCESS_FS_WRITE_FILE",
            "ReadFile = LANDLOCK_ACCESS_FS_READ_FILE", "ReadDirectory = LANDLOCK_ACCESS_FS_READ_DIR",
            "RemoveDirectory = LANDLOCK_ACCESS_FS_REMOVE_DIR", "RemoveFile = LANDLOCK_ACCESS_FS_REMOVE_FILE",
            "MakeCharacterDevice = LANDLOCK_ACCESS_FS_MAKE_CHAR", "MakeDirectory = LANDLOCK_ACCESS_FS_MAKE_DIR",
            "MakeFile = LANDLOCK_ACCESS_FS_MAKE_REG", "MakeSocket = LANDLOCK_ACCESS_FS_MAKE_SOCK",
            "MakePipe = LANDLOCK_ACCESS_FS_MAKE_FIFO", "MakeBlockDevice = LANDLOCK_ACCESS_FS_MAKE_BLOCK",
            "MakeLink = LANDLOCK_ACCESS_FS_MAKE_SYM", "Refer = LANDLOCK_ACCESS_FS_REFER",
            "Truncate = LANDLOCK_ACCESS_FS_TRUNCATE", "ControlDevice = LANDLOCK_ACCESS_FS_IOCTL_DEV",
        ], names);
        Assert.Equal(
            (ulong)LandlockAccess.All, (ulong)Enum.GetValues<LandlockFileRights>().Aggregate((all, one) => all | one));
        Assert.Equal(
            (LandlockScopeFlags.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET, LandlockScopeFlags.LANDLOCK_SCOPE_SIGNAL),
            ((LandlockScopeFlags)LandlockScopes.AbstractSockets, (LandlockScopeFlags)LandlockScopes.Signals));
    }

    [Theory]
    [InlineData("")]
    [InlineData("usr")]
    [InlineData("./usr")]
    [InlineData("/usr/")]
    [InlineData("//usr")]
    [InlineData("/usr/../etc")]
    [InlineData("/./usr")]
    [InlineData("/usr\0/bin")]
    [InlineData(null)]
    public void A_path_that_is_not_absolute_and_plain_is_refused(string? path) =>
        Refuses(new() { Paths = [new(path!, LandlockAccess.ReadFile)] }, "absolute paths without '.', '..' and '//'");

    [Fact]
    public void Rules_that_cannot_be_meant_are_refused()
    {
        Refuses(new(), "Landlock restricts nothing");
        Refuses(new() { LogsDenials = true }, "Landlock restricts nothing");
        Refuses(new() { Paths = [null!] }, "Paths holds a null");
        Refuses(new() { Paths = [new("/a", LandlockAccess.None)] }, "cannot allow None at '/a'");
        Refuses(new() { Paths = [new("/a", (LandlockAccess)(1 << 16))] }, "cannot allow 65536 at '/a'");
        Refuses(new() { Paths = [], RestrictedAccess = LandlockAccess.None }, "RestrictedAccess");
        Refuses(new() { Paths = [], RestrictedAccess = (LandlockAccess)(-1) }, "RestrictedAccess");
        Refuses(new() { TcpBindPorts = [-1] }, "A port is 0 to 65535, not -1");
        Refuses(new() { TcpConnectPorts = [65536] }, "A port is 0 to 65535, not 65536");
        Refuses(new() { Scopes = (LandlockScopes)4 }, "Scopes holds an unknown one: 4");
    }

    [Theory]
    [InlineData(1, "5.19 6.2 6.7 6.10 6.12 6.15")]
    [InlineData(2, "6.2 6.7 6.10 6.12 6.15")]
    [InlineData(6, "6.15")]
    [InlineData(7, "")]
    public void What_a_version_lacks_is_named_with_the_kernel_that_has_it(int version, string kernels)
    {
        var refusal = Record.Exception(() => LandlockCheck.Validate(Full, version));
        LandlockCheck.Validate(Full with { BestEffort = true }, version);

        Assert.Equal(kernels.Length == 0, refusal is null);
        if (refusal is IsolationUnavailableException unavailable)
        {
            Assert.Equal(7, unavailable.Report.Count);
            Assert.Equal(version, unavailable.Report.Count(finding => finding.IsAvailable));
            Assert.All(kernels.Split(' '), kernel =>
                Assert.Contains($"Run Linux {kernel} or newer", unavailable.Message, StringComparison.Ordinal));
        }
    }

    [Fact]
    public void What_is_not_asked_for_is_not_needed()
    {
        const LandlockAccess old = LandlockAccess.All & ~(LandlockAccess.Truncate | LandlockAccess.ControlDevice);
        LandlockCheck.Validate(new() { Paths = [], RestrictedAccess = old }, version: 2);
        LandlockCheck.Validate(new() { TcpBindPorts = [] }, version: 4);
        LandlockCheck.Validate(new() { Paths = [] }, version: 5);
        var refusal = Assert.Throws<IsolationUnavailableException>(
            () => LandlockCheck.Validate(new() { Paths = [] }, version: 2));

        Assert.Equal(
            ["files", "moves between directories", "truncation", "control of devices"],
            refusal.Report.Select(finding => finding.Name["Landlock: ".Length..]));
    }

    [Fact]
    public void A_detached_container_is_known_with_its_rules()
    {
        foreach (var rules in new[] { Full, new() { Scopes = LandlockScopes.Signals, BestEffort = true } })
        {
            var options = new ContainerOptions { Command = ["true"], Landlock = rules };
            var read = DetachedRecord.Parse(DetachedRecord.Of(options, default).ToJson())!.ToOptions().Landlock!;
            Assert.Equal(Print(rules, version: 7), Print(read, version: 7));
            Assert.Equal(rules.BestEffort, read.BestEffort);
        }

        var json = System.Text.Encoding.UTF8.GetString(DetachedRecord.Of(
            new() { Command = ["true"], Landlock = Full }, default).ToJson());
        foreach (var (text, damage) in new[]
            { ("\"/usr\"", "\"usr\""), ("\"/usr\"", "null"), ("443", "-1"), ("443", "\"x\"") })
        {
            Assert.Contains(text, json, StringComparison.Ordinal);
            Assert.Null(DetachedRecord.Parse(
                System.Text.Encoding.UTF8.GetBytes(json.Replace(text, damage, StringComparison.Ordinal))));
        }
    }

    private static void Refuses(LandlockRules rules, string complaint)
    {
        var refusal = Assert.Throws<ArgumentException>(() => LandlockCheck.Validate(rules, version: 7));
        Assert.Contains(complaint, refusal.Message, StringComparison.Ordinal);
    }

    private static string Print(LandlockRules rules, int version)
    {
        using var stage = new LaunchStage();
        if (rules.AddTo(stage, Root, version) is { } ruleset)
        {
            rules.Enforce(stage, ruleset, version);
        }

        return Numbered(stage);
    }

    /// <summary>The steps, in which places in structures are numbered from 1 on.</summary>
    private static string Numbered(LaunchStage stage)
    {
        var places = new List<string>();
        return Place().Replace(stage.ToString(), match =>
        {
            if (!places.Contains(match.Value))
            {
                places.Add(match.Value);
            }

            return $"${places.IndexOf(match.Value) + 1}";
        });
    }

    [GeneratedRegex(@"\[\+\d+\]")]
    private static partial Regex Place();
}
