namespace ContainerKit.KernelTests;

/// <summary>Hosts that are root without some of its capabilities, as in container engines and under systemd.</summary>
public class BareRootTests
{
    [RootFact]
    public async Task Root_that_may_not_administer_the_system_runs_containers_with_ids_of_their_own()
    {
        await using var host = Without("-sys_admin", "run", "cut", "-c-60", "/proc/self/uid_map");
        var (exitCode, output) = await host.EndAsync();

        Assert.True(exitCode == 0, host.Errors);
        Assert.Matches(@"^ +0 +50\d{7} +1\nexited with code 0\n$", output);
    }

    [RootFact]
    public async Task Root_that_may_not_map_other_ids_is_told_that_no_limit_of_processes_binds_it()
    {
        await using var host = Without("-setuid,-setgid", "starve", "nothing");
        var (exitCode, output) = await host.EndAsync();

        Assert.True(exitCode == 0, host.Errors);
        Assert.StartsWith("ready\nLaunchException prlimit64 EPERM IdMap.SingleId", output, StringComparison.Ordinal);
        Assert.Contains("set MaxProcesses to null", output, StringComparison.Ordinal);
    }

    [RootFact]
    public async Task Root_that_may_not_map_other_ids_runs_containers_as_an_ordinary_user_does()
    {
        const string script = "cat /proc/self/uid_map /proc/self/setgroups";
        await using var host = Without("-setuid,-setgid", "run", "--unlimited", "sh", "-c", script);
        var (exitCode, output) = await host.EndAsync();

        Assert.True(exitCode == 0, host.Errors);
        Assert.Matches(@"^ +0 +0 +1\ndeny\nexited with code 0\n$", output);
    }

    [RootFact]
    public async Task Root_that_may_not_map_other_ids_goes_without_namespaces_only_where_processes_are_to_be_limited()
    {
        await using var limited = Without("-setuid,-setgid", "restricted", "--choose", "true");
        Assert.Equal((0, "Restricted: exited with code 0\n"), await limited.EndAsync());

        await using var unlimited = Without("-setuid,-setgid", "restricted", "--choose", "--unlimited", "true");
        Assert.Equal((0, "Rootless: exited with code 0\n"), await unlimited.EndAsync());
    }

    [RootFact]
    public async Task Root_without_any_capability_is_told_what_is_missing()
    {
        await using var host = Without("-all", "run", "--unlimited", "true");
        await host.EndAsync();

        Assert.Contains("IdMap.SingleId: write(\"uid_map\") failed: EPERM", host.Errors, StringComparison.Ordinal);
        Assert.Contains("CAP_SETFCAP", host.Errors, StringComparison.Ordinal);
    }

    [RootFact]
    public async Task Root_that_may_make_no_devices_unpacks_all_else()
    {
        using var temp = new TempDirectory();
        await StoreFixture.WriteArchiveAsync(
            temp["image.tar"], Member.Device("null", 1, 3), Member.File("file", "x"), Member.Fifo("fifo"));
        foreach (var (through, target) in new[]
        {
            (Setpriv("-mknod"), "bare"), (["unshare", "--user", "--map-root-user"], "inside"),
        })
        {
            await using var host = HostProcess.StartThrough(
                through, "load", temp[$"{target}-store"], temp["image.tar"], temp[target]);
            await host.WriteLineAsync("go");
            var (_, output) = await host.EndAsync();

            Assert.True(output.EndsWith("whole\n", StringComparison.Ordinal), host.Errors);
            Assert.Equal("fifo fifo 0\nfile regular file 0\n", Tools.Run("sh", "-c", $"cd {temp[target]}; stat -c '%n %F %u' *"));
        }
    }

    [RootFact]
    public async Task The_report_of_such_a_host_names_it()
    {
        (await Report.OfAsync(Setpriv("-setuid,-setgid"))).AssertNo("default container", "prlimit64", "MaxProcesses");
        (await Report.OfAsync(Setpriv("-all"))).AssertNo("user namespace", "uid_map", "CAP_SETFCAP");
        var found = await Report.OfAsync(Setpriv("-sys_admin"));
        Assert.True(found["default container"].IsAvailable, found["default container"].Text);
    }

    /// <summary>Starts a host without these capabilities.</summary>
    private static HostProcess Without(string capabilities, params string[] arguments) =>
        HostProcess.StartThrough(Setpriv(capabilities), arguments);

    private static string[] Setpriv(string capabilities) =>
        ["setpriv", "--bounding-set", capabilities, "--inh-caps", "-all"];
}
