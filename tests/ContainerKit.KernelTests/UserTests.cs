namespace ContainerKit.KernelTests;

/// <summary>Who the program is, with each map of ids.</summary>
public class UserTests
{
    private const string WhoAmI = "echo $(id -u) $(id -g) $(id -G)";

    [Theory]
    [InlineData("0", "0 0 0")]
    [InlineData("1000", "1000 1000 1000")]
    [InlineData("1000:2000", "1000 2000 2000")]
    [InlineData("nobody", "65534 65534 65534")]
    [InlineData("nobody:0", "65534 0 0")]
    [InlineData("root:nogroup", "0 65534 65534")]
    public async Task A_user_of_the_default_root_is_who_it_says(string user, string ids)
    {
        var output = await Script.OutputAsync(Script.Shell(WhoAmI) with { User = user });

        // What an ordinary user cannot drop shows as nobody's group.
        Assert.Equal(ids, Host.IsRoot ? output : output.Replace(" 65534 65534", " 65534",
            StringComparison.Ordinal) is var own && own.StartsWith(ids, StringComparison.Ordinal) ? ids : output);
    }

    [Theory]
    [InlineData("0", "/tmp")]
    [InlineData("1000", "/tmp")]
    public async Task A_user_has_a_home_and_a_name_in_the_default_root(string user, string home) =>
        Assert.Equal(
            home, await Script.OutputAsync(Script.Shell("id -un >/dev/null && echo $HOME") with { User = user }));

    [Fact]
    public async Task A_home_comes_from_the_roots_passwd()
    {
        using var root = new RootDirectory();
        File.WriteAllText(root["etc/passwd"], "alice:x:1234:4321::/home/alice:\n");

        Assert.Equal("/home/alice",
            await Script.OutputAsync(root.Options with { User = "alice", Command = ["sh", "-c", "echo $HOME"] }));
    }

    [RootFact]
    public async Task Groups_are_those_asked_for_and_no_others()
    {
        using var root = new RootDirectory();
        File.WriteAllText(root["etc/group"], "staff:x:50:\nmany:x:60:\n");
        var options = root.Options with
        { IdMap = IdMap.Identity, User = "7:8", Groups = ["staff", "61", "many"], Command = ["sh", "-c", WhoAmI] };

        Assert.Equal("7 8 8 50 60 61", await Script.OutputAsync(options));
        Assert.Equal("7 8 8", await Script.OutputAsync(options with { Groups = [] }));
        Assert.Contains("'fewer'", (await Refusal.OfOptionsAsync(options with { Groups = ["fewer"] })).Message,
            StringComparison.Ordinal);
    }

    [RootFact]
    public async Task With_the_identity_map_the_program_is_the_same_user_on_the_host()
    {
        using var temp = new TempDirectory();
        File.SetUnixFileMode(temp.Path, (UnixFileMode)0x1FF); // 0777
        var options = Script.Shell("echo x > /tmp/data/file; stat -c %u:%g /tmp/data/file") with
        {
            IdMap = IdMap.Identity,
            User = "4242:4343",
            Mounts = [new BindMount(temp.Path, "/tmp/data") { ReadOnly = false }],
        };

        Assert.Equal("4242:4343", await Script.OutputAsync(options));
        using var stat =
            System.Diagnostics.Process.Start(new System.Diagnostics.ProcessStartInfo(
                "stat", ["-c", "%u:%g", temp["file"]])
            { RedirectStandardOutput = true })!;
        Assert.Equal("4242:4343\n", await stat.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    [RootFact]
    public async Task The_hosts_root_itself_is_refused_where_no_limit_would_bind_it()
    {
        var refusal = await Refusal.OfOptionsAsync(Script.Shell("true") with { IdMap = IdMap.Identity });
        Assert.Contains("MaxProcesses", refusal.Message, StringComparison.Ordinal);

        Assert.Equal("0 0 0",
            await Script.OutputAsync(Script.Shell(WhoAmI) with { IdMap = IdMap.Identity, MaxProcesses = null }));
    }

    [RootFact]
    public async Task A_map_to_ids_of_the_host_is_that_map()
    {
        var options = Script.Shell("cat /proc/self/uid_map /proc/self/gid_map") with
        { IdMap = IdMap.SingleIdAs(7777, 8888), User = "5:6" };

        Assert.Equal(["5 7777 1", "6 8888 1"],
            (await Script.OutputAsync(options)).Split('\n')
                .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries))));
    }

    [Fact]
    public async Task An_ordinary_user_can_be_only_itself_on_the_host()
    {
        if (Host.IsRoot)
        {
            Assert.Equal("0", await Script.OutputAsync(Script.Shell("id -u") with { IdMap = IdMap.SingleIdAs(5, 5) }));
            return;
        }

        await Refusal.OfOptionsAsync(Script.Shell("true") with { IdMap = IdMap.SingleIdAs(0, 0), MaxProcesses = null });
        await Refusal.OfOptionsAsync(Script.Shell("true") with { IdMap = IdMap.SingleIdAs(5, 5) });
        await Refusal.OfOptionsAsync(Script.Shell("true") with { IdMap = IdMap.Identity, User = "5" });
    }
}
