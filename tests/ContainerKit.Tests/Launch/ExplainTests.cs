namespace ContainerKit.Tests;

/// <summary>What starts do, as files beside this one; CONTAINERKIT_ACCEPT=1 writes them.</summary>
public class ExplainTests
{
    [Fact]
    public void The_default_plan_is_the_accepted_one() => Compare("Default", new ContainerOptions { Command = ["/bin/true"] });

    [Fact]
    public void The_plan_of_a_directory_with_mounts_and_without_an_init_is_the_accepted_one()
    {
        var root = Directory.CreateTempSubdirectory("root-").FullName;
        try
        {
            Compare("Directory", new ContainerOptions
            {
                Command = ["/bin/sh", "-c", "echo hello"],
                Root = RootFilesystem.Directory(root),
                Mounts = [new BindMount("/", "/mnt/host"), new TmpfsMount("/var/cache"),
                    new InlineFile("/etc/motd", "hello\n")],
                Environment = new Dictionary<string, string> { ["LANG"] = "C.UTF-8" },
                WorkingDirectory = "/var",
                User = "1000:100",
                HostName = "named",
                Namespaces = NamespaceKinds.All,
                Init = false,
                MaxProcesses = null,
                ResourceLimits = [new(Resource.RLIMIT_NOFILE, 64, 128)],
            }, root);
        }
        finally
        {
            Directory.Delete(root);
        }
    }

    [Fact]
    public void The_plan_without_namespaces_is_the_accepted_one()
    {
        var options = new ContainerOptions
        {
            Command = ["/bin/true"],
            MaxProcesses = null,
            SingleProcess = true,
            Seccomp = SeccompProfile.Plugin,
            Restriction = new(
                new(), // what it makes of rules is the kernel's version of Landlock
                SeccompProfile.WithoutNamespaces(hasNetwork: false, restrictsTruncation: true),
                "/tmp/private",
                IsolationProperties.None),
        };
        using var plan = ContainerPlan.MakeRestricted(options, entrances: null, isWhole: true);

        // An ordinary user has no bounding set to drop.
        var lines = plan.ToString().Split('\n')
            .Where(line => !line.Contains("PR_CAPBSET_DROP", StringComparison.Ordinal));
        Compare("Restricted", string.Join('\n', lines));
    }

    [Fact]
    public void What_is_passed_gives_a_child_without_namespaces_memory_of_its_own()
    {
        // The setup channel makes way to it, and where to is kept in memory.
        using var passed = File.OpenHandle("/dev/null");
        var options = new ContainerOptions
        {
            Command = ["/bin/true"],
            Restriction = new(new(), SeccompProfile.Unconfined, "/tmp/private", IsolationProperties.None),
        };

        Assert.Contains("clone(CLONE_VM | CLONE_PIDFD", Plan(options), StringComparison.Ordinal);
        Assert.Contains("clone(CLONE_PIDFD", Plan(options with { Descriptors = [passed] }), StringComparison.Ordinal);

        static string Plan(ContainerOptions options)
        {
            using var plan = ContainerPlan.MakeRestricted(options, entrances: null, isWhole: true);
            return plan.ToString();
        }
    }

    [Fact]
    public void A_map_of_ranges_is_written_by_who_may_and_built_on_by_others()
    {
        var (ranges, automatic) = (IdMap.Ranges([new(0, 100_000, 10)], [new(0, 200_000, 20)]), IdMap.Automatic(30));
        var plans = new[]
            { ranges, automatic }.Select(map => Container.Explain(new() { Command = ["true"], IdMap = map })).ToList();

        if (Environment.IsPrivilegedProcess)
        {
            Assert.Contains("0 100000 10", plans[0], StringComparison.Ordinal);
            Assert.Contains("0 200000 20", plans[0], StringComparison.Ordinal);
            Assert.Contains("0 1879048192 30", plans[1], StringComparison.Ordinal);
            return;
        }

        Assert.All(plans, plan => Assert.Contains("setns(7, CLONE_NEWUSER)", plan, StringComparison.Ordinal));
        Assert.Contains("0 0 10", plans[0], StringComparison.Ordinal);
        Assert.Contains("0 0 30", plans[1], StringComparison.Ordinal);
    }

    private static void Compare(string name, ContainerOptions options, string? root = null)
    {
        var text = Container.Explain(options);
        Compare(name, root is null ? text : text.Replace(root, "/ROOT", StringComparison.Ordinal));
    }

    private static void Compare(string name, string plan)
    {
        var file = Repository.PathOf($"tests/ContainerKit.Tests/Launch/{name}.plan.txt");
        var actual = PlanText.OnEveryMachine(plan);
        if (Environment.GetEnvironmentVariable("CONTAINERKIT_ACCEPT") == "1")
        {
            File.WriteAllText(file, actual);
            return;
        }

        // xunit shows the first line that differs.
        Assert.Equal(File.Exists(file) ? File.ReadAllText(file) : "", actual);
    }
}
