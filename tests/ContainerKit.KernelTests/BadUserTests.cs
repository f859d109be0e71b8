using System.Diagnostics;
using System.Globalization;

namespace ContainerKit.KernelTests;

/// <summary>Users that are none, and user files that a stranger wrote.</summary>
public class BadUserTests
{
    private const string Passwd =
        "root:x:0:0:root:/root:/bin/sh\n1000:x:0:0::/:\nalice:x:1234:4321::/home/alice:\nbroken:x:nobody\nhuge:x:4294967296:0::/:\n";
    private const string Group = "root:x:0:\n1000:x:0:\nstaff:x:50:alice\n";

    public static TheoryData<string> Nobody =>
    [
        "", ":", ":5", "1000:", "root:", "+1", "-1", "-0", "0x0", "1e3", "0.0", " 0", "0 ", "0\n", "root\n",
        "root\0", "\0",
        "2147483648", "4294967295", "4294967296", "18446744073709551616", "0:2147483648", "0:4294967296", "0:-1",
        "0:+1", "0:0:0",
        "١٢٣", "１", "²", "a/b", "../root", "root:x:0", "0,0", "1 0", "0;0", "٠", "-root", "1000abc",
    ];

    [Theory]
    [MemberData(nameof(Nobody))]
    public void CVE_2026_30892_What_is_no_user_is_refused(string user)
    {
        using var root = RootWith(Passwd, Group);
        foreach (var options in new[] { root.Options, Script.Shell("true") })
        {
            Assert.Throws<ArgumentException>(() => UserLookup.Find(options with { User = user }));
        }
    }

    [Theory]
    [InlineData("2147483648")]
    [InlineData("4294967295")]
    [InlineData("4294967296")]
    public async Task CVE_2024_40635_An_id_that_would_overflow_is_refused(string id)
    {
        await Refusal.OfOptionsAsync(Script.Shell("true") with { User = id });
        await Refusal.OfOptionsAsync(Script.Shell("true") with { User = $"0:{id}" });
    }

    [Fact]
    public async Task The_highest_id_is_not_an_overflow() =>
        Assert.Equal("2147483647 2147483647",
            await Script.OutputAsync(Script.Shell("echo $(id -u) $(id -g)") with { User = "2147483647" }));

    [Fact]
    public async Task CVE_2016_3697_A_number_is_never_a_name_of_passwd()
    {
        using var root = RootWith(Passwd, Group);

        Assert.Equal("1000 1000", await Script.OutputAsync(Ids(root) with { User = "1000" }));
    }

    [Fact]
    public async Task CVE_2026_46680_A_number_is_never_a_name_of_group()
    {
        using var root = RootWith(Passwd, Group);

        Assert.Equal("1234 1000", await Script.OutputAsync(Ids(root) with { User = "alice:1000" }));
    }

    [Theory]
    [InlineData("alice", "1234 4321")]
    [InlineData("alice:staff", "1234 50")]
    [InlineData("1234", "1234 4321")]
    [InlineData("7:staff", "7 50")]
    [InlineData("0042", "42 42")]
    public async Task A_name_is_looked_up_in_the_root(string user, string ids)
    {
        using var root = RootWith(Passwd, Group);

        Assert.Equal(ids, await Script.OutputAsync(Ids(root) with { User = user }));
    }

    [Theory]
    [InlineData("bob", "bob")]
    [InlineData("alice:bobs", "bobs")]
    [InlineData("broken", "broken")]
    [InlineData("huge", "huge")]
    public async Task An_unknown_user_or_group_is_named(string user, string unknown)
    {
        using var root = RootWith(Passwd, Group);
        var refusal = await Refusal.OfOptionsAsync(root.Options with { User = user });

        Assert.Contains($"'{unknown}'", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("give a number", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Whatever_the_text_it_is_the_number_it_says_or_a_name_that_is_there_or_refused()
    {
        using var root = RootWith(Passwd, Group);
        var random = new Random(30892);
        const string alphabet = "0123456789:+-. aeilrot\0\n/xé١";
        Dictionary<string, uint> users = new() { ["root"] = 0, ["alice"] = 1234 };
        for (var i = 0; i < TimeFactor.Times(5_000, 200_000); i++)
        {
            var text = new string(
                [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => alphabet[random.Next(alphabet.Length)])]);
            try
            {
                var found = UserLookup.Find(root.Options with { User = text });
                var name = text.Split(':')[0];
                var expected = users.TryGetValue(name, out var id)
                    ? id
                    : uint.Parse(name, NumberStyles.None, CultureInfo.InvariantCulture);
                Assert.Equal(expected, found.User);
            }
            catch (ArgumentException)
            {
                // Refused.
            }
        }
    }

    [Fact]
    public async Task CVE_2024_9676_A_passwd_that_is_a_FIFO_neither_hangs_nor_is_opened()
    {
        using var root = new RootDirectory();
        Make("mkfifo", root["etc/passwd"], root["etc/group"]);

        await AssertNamesAreRefusedAndNumbersWork(root);
    }

    [RootFact]
    public async Task CVE_2026_47262_A_passwd_that_is_a_device_is_not_opened()
    {
        using var root = new RootDirectory();
        Make("mknod", root["etc/passwd"], "c", "1", "5"); // /dev/zero

        await AssertNamesAreRefusedAndNumbersWork(root);
    }

    [Fact]
    public async Task CVE_2026_47262_A_passwd_of_a_gigabyte_is_not_read()
    {
        using var root = RootWith(Passwd, Group);
        foreach (var name in new[] { "etc/passwd", "etc/group" })
        {
            using var file = File.OpenWrite(root[name]);
            file.SetLength(1L << 30);
        }

        var allocated = GC.GetTotalAllocatedBytes(precise: true);
        await AssertNamesAreRefusedAndNumbersWork(root);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - allocated, 0, 100 << 20);
    }

    [Fact]
    public async Task CVE_2026_47262_A_group_file_that_is_a_FIFO_neither_hangs_nor_is_opened()
    {
        using var root = RootWith(Passwd, Group);
        File.Delete(root["etc/group"]);
        Make("mkfifo", root["etc/group"]);

        await AssertGroupNamesAreRefused(root);
    }

    [RootFact]
    public async Task CVE_2026_47262_A_group_file_that_is_a_device_is_not_opened()
    {
        using var root = RootWith(Passwd, Group);
        File.Delete(root["etc/group"]);
        Make("mknod", root["etc/group"], "c", "1", "5"); // /dev/zero

        await AssertGroupNamesAreRefused(root);
    }

    [Fact]
    public async Task CVE_2026_47262_A_group_file_of_a_gigabyte_is_not_read()
    {
        using var root = RootWith(Passwd, Group);
        using (var file = File.OpenWrite(root["etc/group"]))
        {
            file.SetLength(1L << 30); // the group is in its first lines
        }

        await AssertGroupNamesAreRefused(root);
    }

    [Fact]
    public async Task A_passwd_that_is_a_directory_or_a_loop_of_links_is_no_passwd()
    {
        using var root = new RootDirectory();
        Directory.CreateDirectory(root["etc/passwd"]);
        await AssertNamesAreRefusedAndNumbersWork(root);

        root.Link("etc/passwd", "passwd");
        await AssertNamesAreRefusedAndNumbersWork(root);
    }

    [Fact]
    public async Task A_passwd_that_may_not_be_read_is_no_passwd()
    {
        using var root = RootWith(Passwd, Group);
        File.SetUnixFileMode(root["etc/passwd"], UnixFileMode.None);

        Assert.Equal("7 7", await Script.OutputAsync(Ids(root) with { User = "7" }));
    }

    [Theory]
    [InlineData("absolute")]
    [InlineData("relative")]
    [InlineData("magic")]
    public async Task CVE_2024_9676_A_passwd_that_links_out_of_the_root_is_not_followed_there(string kind)
    {
        using var root = RootWith(Passwd, Group);
        File.WriteAllText(Path.Combine(root.Canary, "passwd"), "mallory:x:0:0::/:\n");
        File.Delete(root["etc/passwd"]);
        root.Link("etc/passwd", kind switch
        {
            "absolute" => $"{root.Canary}/passwd",
            "relative" => "../../canary/passwd",
            _ => "/proc/self/root/etc/passwd",
        });

        await Refusal.OfOptionsAsync(root.Options with { User = "mallory" });
        await Refusal.OfOptionsAsync(root.Options with { User = kind == "magic" ? "daemon" : "alice" });
    }

    [Fact]
    public async Task A_passwd_full_of_odd_lines_says_no_more_than_it_does()
    {
        var lines = string.Concat(
            Enumerable.Repeat("::::::\n:x:0:0::/:\n\0\nalice\nalice:x\nalice:x:\nalice:x:-5:0::/:\n", 50));
        using var root = RootWith(lines, Group);

        await Refusal.OfOptionsAsync(root.Options with { User = "alice" });
        await Refusal.OfOptionsAsync(root.Options with { User = "" });
    }

    [Fact]
    public async Task Groups_need_more_than_one_group()
    {
        var refusal = await Refusal.OfOptionsAsync(Script.Shell("true") with { Groups = ["5"] });

        Assert.Contains("IdMap.Identity", refusal.Message, StringComparison.Ordinal);
    }

    private static async Task AssertNamesAreRefusedAndNumbersWork(RootDirectory root)
    {
        var refusal = await RefusalAsync(root.Options with { User = "alice" });

        Assert.Contains("number", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("0 0", await Script.OutputAsync(Ids(root) with { User = "0" }));
        Assert.Equal("7 8", await Script.OutputAsync(Ids(root) with { User = "7:8" }));
    }

    private static async Task AssertGroupNamesAreRefused(RootDirectory root)
    {
        var options = Ids(root) with { User = "alice:staff" };
        var refusal = await RefusalAsync(options);

        Assert.Contains("/etc/group", refusal.Message, StringComparison.Ordinal);
        Assert.Contains("is not a regular file", refusal.Message, StringComparison.Ordinal);
        Assert.Equal("1234 4321", await Script.OutputAsync(options with { User = "alice" }));
        Assert.Equal("1234 50", await Script.OutputAsync(options with { User = "alice:50" }));
    }

    /// <summary>Waits no longer than it should take: to open a FIFO would hang.</summary>
    private static Task<ArgumentException> RefusalAsync(ContainerOptions options) =>
        Eventually.Ends(Task.Run(() => Refusal.OfOptionsAsync(options)));

    private static void Make(string program, params string[] arguments)
    {
        using var process = Process.Start(program, arguments);
        process.WaitForExit();
        Assert.Equal(0, process.ExitCode);
    }

    private static ContainerOptions Ids(RootDirectory root) =>
        root.Options with { Command = ["sh", "-c", "echo $(id -u) $(id -g)"] };

    private static RootDirectory RootWith(string passwd, string group)
    {
        var root = new RootDirectory();
        File.WriteAllText(root["etc/passwd"], passwd);
        File.WriteAllText(root["etc/group"], group);
        return root;
    }
}
