namespace ContainerKit.KernelTests;

/// <summary>
/// Hosts that are contained themselves, as commands that run another; in all of them there is Restricted.
/// </summary>
internal static class NestedHosts
{
    /// <summary>No user namespace for whoever is in this one, where its user is root.</summary>
    public static readonly string[] WithoutNamespaces =
    [
        "unshare", "--map-root-user", "--mount", "sh", "-ec",
        "echo 0 >/proc/sys/user/max_user_namespaces\nexec \"$@\"", "sh",
    ];

    /// <summary>A root that is not the mount namespace's.</summary>
    public static readonly string[] Chroot =
    [
        "unshare", "--map-root-user", "--mount", "sh", "-ec", """
        mount -t tmpfs tmpfs /mnt
        for entry in /*; do
            [ "$entry" != /mnt ] || continue
            if [ -h "$entry" ]; then cp -P "$entry" /mnt; continue; fi
            [ ! -d "$entry" ] || { mkdir "/mnt$entry" && mount --rbind "$entry" "/mnt$entry"; }
        done
        exec /usr/sbin/chroot /mnt "$@"
        """, "sh",
    ];

    /// <summary>A sandbox of bubblewrap's, which an ordinary user can have namespaces in.</summary>
    public static readonly string[] Bubblewrap =
        ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc", "--bind", "/tmp", "/tmp", "--unshare-all"];

    /// <summary>The same without.</summary>
    public static readonly string[] StrictBubblewrap = [.. Bubblewrap, "--unshare-user", "--disable-userns"];

    private const string Nested = "CONTAINERKIT_NESTED", MustRun = "CONTAINERKIT_MUST_RUN";

    /// <summary>Whether these tests run in one.</summary>
    public static bool IsOne { get; } = Environment.GetEnvironmentVariable(Nested) == "1";

    /// <summary>What a start that is none of a test's own is content with: any tier there, else the usual.</summary>
    public static Isolation? Least => IsOne ? Isolation.Restricted : null;

    private static readonly string Tests = typeof(NestedHosts).Assembly.GetName().Name!;

    /// <summary>Runs tests of this project, and fails where one does.</summary>
    public static void AssertSuite(string[] through, params string[] suite) =>
        Tools.Run(
            through[0],
            [.. through[1..], "env", $"{Nested}=1", Path.Combine(AppContext.BaseDirectory, Tests), .. suite]);

    /// <summary>The same, in what <see cref="RunInPodAsync"/> makes.</summary>
    public static async Task AssertSuiteInPodAsync(params string[] suite)
    {
        var result = await RunInPodAsync(Tests, suite);
        Assert.True(result.ExitStatus.IsSuccess, $"{result.StandardOutput}{result.StandardError}");
    }

    /// <summary>
    /// Runs a program that lies beside the tests in a container as a pod's: Docker's capabilities, none of which is
    /// CAP_SYS_ADMIN, and its filter; user namespaces would be there.
    /// </summary>
    public static Task<ContainerResult> RunInPodAsync(string program, params string[] arguments) =>
        Script.RunAsync(new ContainerOptions
        {
            Command = [$"/opt/app/{program}", .. arguments],
            Mounts =
            [
                new BindMount(AppContext.BaseDirectory, "/opt/app"),
                new BindMount(Tools.DotnetRoot, "/opt/dotnet"),
            ],
            Environment = new Dictionary<string, string>
            {
                ["DOTNET_ROOT"] = "/opt/dotnet",
                [Nested] = "1",
                [MustRun] = Environment.GetEnvironmentVariable(MustRun) ?? "",
            },
            Capabilities = new(CapabilitySet.Docker),
            Seccomp = SeccompProfile.Parse(File.ReadAllBytes(Tools.DockerProfile)),
            MaxUserNamespaces = 100,
        });
}
