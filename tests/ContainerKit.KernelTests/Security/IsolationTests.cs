using ContainerKit.KernelTests.Cgroups;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests.Security;

/// <summary>Which isolation a container gets, what holds of it, and what is refused.</summary>
public class IsolationTests
{
    private const IsolationProperties OfNamespaces =
        IsolationProperties.NoNetwork | IsolationProperties.NoHostSockets | IsolationProperties.NoHostFiles
        | IsolationProperties.NoHostProcesses | IsolationProperties.NoSignals | IsolationProperties.DiesWithHost
        | IsolationProperties.KillsAll;

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(null)]
    [InlineData(Isolation.Restricted)]
    [InlineData(Isolation.Rootless)]
    public async Task The_best_there_is_isolates_it(Isolation? minimum)
    {
        await using var host = new ContainerHost();
        var result = await host.RunAsync(new() { Command = ["true"], MinimumIsolation = minimum }, Token);

        Assert.Equal(Host.IsRoot ? Isolation.Full : Isolation.Rootless, result.Isolation);
        Assert.Equal(OfNamespaces | IsolationProperties.ProcessLimit, result.IsolationProperties);
    }

    [Fact]
    public async Task Full_is_for_root_and_users_that_are_none_of_the_hosts()
    {
        var full = new ContainerOptions { Command = ["true"], MinimumIsolation = Isolation.Full };
        if (Host.IsRoot)
        {
            Assert.Equal(Isolation.Full, (await Script.RunAsync(full)).Isolation);
            await RefusedAsync(full with { Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Network }, "Network");
            full = full with { IdMap = IdMap.Identity, MaxProcesses = null };
        }

        await RefusedAsync(full, Host.IsRoot ? "IdMap" : "not root");

        static async Task RefusedAsync(ContainerOptions full, string why)
        {
            var refused = await Refusal.OfAsync<IsolationUnavailableException>(full);
            Assert.Equal(["isolation Full"], refused.Report.Select(finding => finding.Name));
            Assert.Contains(why, refused.Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Where_there_are_no_namespaces_less_is_given_only_to_who_asked_for_it()
    {
        await using (var host = HostProcess.StartThrough(NestedHosts.WithoutNamespaces, "restricted", "--choose", "sh", "-c", "exit 3"))
        {
            Assert.Equal((0, "Restricted: exited with code 3\n"), await host.EndAsync());
        }

        foreach (var tier in (string[])["rootless", "full"])
        {
            await using var host = HostProcess.StartThrough(NestedHosts.WithoutNamespaces, "restricted", $"--{tier}", "true");
            var (exitCode, output) = await host.EndAsync();
            Assert.Equal(1, exitCode);
            Assert.StartsWith($"isolation {tier}: no, ", output, StringComparison.OrdinalIgnoreCase);
            Assert.Contains("max_user_namespaces", output, StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData(0, "Restricted: exited with code 3\n")]
    [InlineData(1, "")]
    public async Task Where_other_namespaces_than_users_are_used_up_nobody_gets_less_as_where_there_are_to_be_none(
        int most, string expected)
    {
        string[] through =
        [
            "unshare", "--map-root-user", "--mount", "--uts", "sh", "-ec",
            $"echo {most} >/proc/sys/user/max_uts_namespaces\nexec \"$@\"", "sh",
        ];
        await using var host = HostProcess.StartThrough(through, "restricted", "--choose", "sh", "-c", "exit 3");
        var (exitCode, output) = await host.EndAsync();

        Assert.Equal(expected, output);
        Assert.Equal(most == 0, exitCode == 0);
        Assert.Equal(most != 0, host.Errors.Contains("ENOSPC", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_report_of_a_host_has_its_tiers()
    {
        var report = await HostReport.ProbeAsync(cancellationToken: Token);
        Assert.Equal(
            [("isolation Full", Host.IsRoot), ("isolation Rootless", true), ("isolation Restricted", true)],
            report.Findings.Where(finding => finding.Name.StartsWith("isolation ", StringComparison.Ordinal))
                .Select(finding => (finding.Name, finding.IsAvailable)));
    }

    [Fact]
    public async Task All_options_that_need_namespaces_are_named_at_once_and_nothing_is_made()
    {
        await using var host = new ContainerHost(new() { WithoutNamespaces = true });
        var before = await Leftovers.Before();
        var options = new ContainerOptions
        {
            Command = ["true"],
            MinimumIsolation = Isolation.Restricted,
            Root = RootFilesystem.Empty,
            Mounts = [new TmpfsMount("/data")],
            Directories = ["/made"],
            MaskedPaths = ["/masked"],
            ReadOnlyPaths = ["/read"],
            User = "1",
            HostName = "other",
            MaxUserNamespaces = 1,
            MaxProcesses = 10,
            Namespaces = NamespaceKinds.All,
            TimeOffsets = new(TimeSpan.FromDays(1), default),
            Sysctls = new Dictionary<string, string> { ["net.ipv4.ip_forward"] = "1" },
            Capabilities = new([Capability.CAP_CHOWN]),
        };
        var refused = await Assert.ThrowsAsync<IsolationUnavailableException>(() => host.RunAsync(options, Token));

        Assert.Equal(
            [
                "Capabilities", "Directories", "HostName", "MaskedPaths", "MaxProcesses", "MaxUserNamespaces", "Mounts",
                "Namespaces", "ReadOnlyPaths", "Root", "Sysctls", "TimeOffsets", "User",
            ],
            refused.Report.Where(finding => !finding.IsAvailable).Select(finding => finding.Name).Order());
        Assert.All(refused.Report.Where(finding => !finding.IsAvailable), finding => Assert.NotNull(finding.Remedy));
        await before.AssertNone();
    }

    [Theory]
    [InlineData("/srv", "/srv/read")]
    [InlineData("/srv/write", "/srv")]
    [InlineData("/srv", "/srv")]
    public async Task A_path_that_would_cover_another_with_less_needs_a_mount(string writable, string readOnly)
    {
        await using var host = new ContainerHost(new() { WithoutNamespaces = true });
        var refused = await Assert.ThrowsAsync<IsolationUnavailableException>(() => host.RunAsync(
            new()
            {
                Command = ["true"],
                MinimumIsolation = Isolation.Restricted,
                Mounts =
                [
                    new BindMount(writable, writable) { ReadOnly = false },
                    new BindMount(readOnly, readOnly),
                ],
            }, Token));

        Assert.Contains(refused.Report, finding => finding is { Name: "Mounts", IsAvailable: false });
    }

    [Fact]
    public async Task A_path_below_another_that_allows_more_needs_no_mount()
    {
        using var data = new TempDirectory();
        Directory.CreateDirectory(data["write"]);
        await using var host = new ContainerHost(new() { WithoutNamespaces = true });
        var result = await host.RunAsync(
            Script.Shell($"echo >{data["write/file"]}; (echo >{data["file"]}) 2>&- || echo denied") with
            {
                MinimumIsolation = Isolation.Restricted,
                Mounts =
                [
                    new BindMount(data.Path, data.Path),
                    new BindMount(data["write"], data["write"]) { ReadOnly = false },
                ],
            }, Token);

        Assert.Equal("denied\n", result.StandardOutput);
        Assert.True(File.Exists(data["write/file"]));
    }

    [Theory]
    [InlineData(IsolationProperties.MemoryLimit, "a limit of memory: no,")]
    [InlineData(IsolationProperties.ProcessLimit, "a limit of processes: no,")]
    [InlineData(IsolationProperties.NoNetwork, "no network: no,")]
    [InlineData(IsolationProperties.NoHostSockets, "no sockets of the host: no,")]
    [InlineData(IsolationProperties.NoHostFiles, "no files of the host: no,")]
    public async Task A_property_that_the_options_give_away_cannot_be_required(IsolationProperties property, string said)
    {
        var refused = await Refusal.OfAsync<IsolationUnavailableException>(new()
        {
            Command = ["true"],
            Root = RootFilesystem.EntireHost,
            Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Network,
            MaxProcesses = null,
            RequiredIsolation = property | IsolationProperties.KillsAll,
        });

        Assert.StartsWith(said, refused.Message, StringComparison.Ordinal);
        Assert.Contains(refused.Report, finding => finding is { Name: "its end kills all", IsAvailable: true });
    }

    [Theory]
    [InlineData(IsolationProperties.NoHostProcesses, "no processes of the host")]
    [InlineData(IsolationProperties.DiesWithHost, "dies with its host")]
    [InlineData(IsolationProperties.KillsAll, "its end kills all")]
    [InlineData(IsolationProperties.ProcessLimit, "a limit of processes")]
    [InlineData(IsolationProperties.MemoryLimit, "a limit of memory")]
    public async Task What_needs_a_namespace_or_a_cgroup_cannot_be_required_without(
        IsolationProperties property, string name)
    {
        await using var host = new ContainerHost(new() { WithoutNamespaces = true });
        var refused = await Assert.ThrowsAsync<IsolationUnavailableException>(() => host.RunAsync(
            new()
            {
                Command = ["true"],
                MinimumIsolation = Isolation.Restricted,
                RequiredIsolation = property,
            }, Token));

        Assert.Equal(name, Assert.Single(refused.Report, finding => !finding.IsAvailable).Name);
    }

    [Fact]
    public async Task A_host_without_namespaces_starts_nothing_that_did_not_say_so()
    {
        await using var host = new ContainerHost(new() { WithoutNamespaces = true });
        var refused = await Assert.ThrowsAsync<IsolationUnavailableException>(
            () => host.RunAsync(new() { Command = ["true"] }, Token));
        Assert.Contains("WithoutNamespaces", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_single_process_dies_with_its_host_without_a_cgroup()
    {
        await using var host = HostProcess.Start("restricted", "--single", "sh", "-c", "echo up; while :; do :; done");
        Assert.Equal("up", await host.ReadLineAsync());
        var below = ProcessTree.Below(host.Process.Id);

        await host.KillAsync();

        await Eventually.Holds(
            () => below.TrueForAll(process => !ProcessTree.IsAlive(process.Id)), () => string.Join('\n', below));
    }

    [CgroupFact(OfVersion2 = true)]
    public async Task With_a_cgroup_all_that_it_started_dies_with_its_host_and_with_its_program()
    {
        const string script =
            "echo $$; setsid sh -c 'echo $$; setsid sh -c \"echo \\$\\$; exec sleep 1000\" & exec sleep 1000' & ";
        await using var host = HostProcess.Start(
            "restricted", "--parent", CgroupFactAttribute.Parent!, "sh", "-c", $"{script} exec sleep 1000");
        var started = await PidsAsync(host.ReadLineAsync);
        var below = ProcessTree.Below(host.Process.Id);
        Assert.All(started, id => Assert.Contains(below, process => process.Id == id));

        await host.KillAsync();

        await Eventually.Holds(
            () => below.TrueForAll(process => !ProcessTree.IsAlive(process.Id)), () => string.Join('\n', below));

        var before = await Leftovers.Before();
        await using var own =
            new ContainerHost(new() { WithoutNamespaces = true, CgroupParent = CgroupFactAttribute.Parent });
        await using var container = await own.StartAsync(
            Script.Shell($"{script} read -r end") with
            {
                MinimumIsolation = Isolation.Restricted,
                RequiredIsolation = IsolationProperties.DiesWithHost | IsolationProperties.KillsAll,
                StandardInput = StandardStream.Pipe,
                StandardOutput = StandardStream.Pipe,
            }, Token);
        using var lines = new StreamReader(container.StandardOutput!);
        started = await PidsAsync(() => Eventually.Ends(lines.ReadLineAsync(Token).AsTask())!);
        Assert.All(started, process => Assert.True(ProcessTree.IsAlive(process)));

        await container.StandardInput!.WriteAsync("end\n"u8.ToArray(), Token);
        await container.StandardInput.DisposeAsync();

        var result = await Eventually.Ends(container.WaitForResultAsync(Token));
        Assert.True(result.ExitStatus.IsSuccess);
        await Eventually.Holds( // killed; who takes their remains away is not this process
            () => !started.Any(ProcessTree.IsAlive), () => string.Join(' ', started));
        Assert.NotNull(result.Receipt.PeakPids);
        await container.DisposeAsync();
        await own.DisposeAsync();
        await before.AssertNone();

        static async Task<int[]> PidsAsync(Func<Task<string>> read)
        {
            string[] lines = [await read(), await read(), await read()];
            return [.. lines.Select(line => int.Parse(line, System.Globalization.CultureInfo.InvariantCulture))];
        }
    }

    [Fact]
    public async Task What_a_killed_host_left_is_removed_by_the_next()
    {
        string directory;
        await using (var host = HostProcess.Start("restricted", "sh", "-c", "echo $TMPDIR; exec sleep 1000"))
        {
            directory = await host.ReadLineAsync();
            await host.KillAsync();
        }

        await using var next = HostProcess.Start("restricted", "true");
        Assert.Equal((0, "Restricted: exited with code 0\n"), await next.EndAsync());
        Assert.False(Directory.Exists(directory), directory);
    }
}
