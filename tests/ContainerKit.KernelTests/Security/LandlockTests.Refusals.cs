namespace ContainerKit.KernelTests;

/// <content>What cannot be had, and what is said then.</content>
public sealed partial class LandlockTests
{
    [Theory]
    [InlineData("/no/such", Errno.ENOENT, "The container has no such file or directory")]
    [InlineData("/usr/no-such", Errno.ENOENT, "The container has no such file or directory")]
    [InlineData("/bin", Errno.ELOOP, "through a symbolic link")]
    [InlineData("/link/below", Errno.ELOOP, "through a symbolic link")]
    [InlineData("/proc/self", Errno.ELOOP, "through a symbolic link")]
    [InlineData("/proc/self/root", Errno.ELOOP, "through a symbolic link")]
    [InlineData("/etc/passwd/below", Errno.ENOTDIR, "is a file")]
    public async Task A_path_that_is_missing_or_a_link_fails_the_start(string path, Errno errno, string hint)
    {
        using var root = new RootDirectory();
        var leftovers = await Leftovers.Before();
        File.CreateSymbolicLink(root["link"], "/usr");
        File.WriteAllText(root["etc/passwd"], "");
        var options = root.Options with
        {
            Landlock = new()
            {
                Paths = [new("/usr", LandlockAccess.ReadExecute), new(path, LandlockAccess.ReadOnly)],
                BestEffort = true,
            },
        };
        var failure = await Assert.ThrowsAsync<LaunchException>(() => Script.RunAsync(options));

        Assert.Equal(("openat2", errno, "the Landlock rules"), (failure.Call, failure.Errno, failure.Cause));
        Assert.Contains(hint, failure.Message, StringComparison.Ordinal);
        await leftovers.AssertNone();
    }

    [Fact]
    public async Task A_program_that_it_does_not_let_be_executed_fails_the_start()
    {
        var options = Script.Shell("true") with
        { Landlock = new() { Paths = [new("/", LandlockAccess.ReadOnly)], BestEffort = true } };
        var failure = await Assert.ThrowsAsync<LaunchException>(() => Script.RunAsync(options));

        Assert.Equal(("execve", Errno.EACCES), (failure.Call, failure.Errno));
        Assert.Contains("Landlock", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_this_kernel_lacks_is_refused_before_anything_is_made()
    {
        var leftovers = await Leftovers.Before();
        var options = Script.Shell("true") with
        {
            Landlock = new()
            {
                Paths = [new("/", LandlockAccess.All)],
                TcpBindPorts = [],
                Scopes = LandlockScopes.Signals,
                LogsDenials = true,
            },
        };
        if (Version >= LandlockFeature.All[^1].Version)
        {
            Assert.True((await Script.RunAsync(options)).ExitStatus.IsSuccess);
            return;
        }

        await RefusesAsync(options, "Landlock: choice of logs");
        await leftovers.AssertNone();
        var better = options with { Landlock = options.Landlock! with { BestEffort = true } };
        Assert.True((await Script.RunAsync(better)).ExitStatus.IsSuccess);
    }

    [Fact]
    public async Task The_report_says_what_it_can_do()
    {
        var report = await HostReport.ProbeAsync(cancellationToken: Token);
        var finding = report.Findings.Single(finding => finding.Name == "Landlock");

        Assert.StartsWith(
            FormattableString.Invariant($"ABI {Version}: files"), finding.Detail, StringComparison.Ordinal);
        Assert.Equal(Version >= 4, finding.Detail!.Contains("TCP ports", StringComparison.Ordinal));
    }

    private static async Task RefusesAsync(ContainerOptions options, string missing)
    {
        var refusal = await Assert.ThrowsAsync<IsolationUnavailableException>(() => Script.RunAsync(options));
        Assert.Contains(
            refusal.Report, finding => finding.Name == missing && !finding.IsAvailable && finding.Remedy is not null);
    }
}
