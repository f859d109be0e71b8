namespace ContainerKit.KernelTests.Security;

/// <summary>What the profiles hold, and that programs run in them.</summary>
public class SandboxProfilesTests
{
    public static TheoryData<string> Names { get; } =
        [nameof(SandboxProfiles.Plugin), nameof(SandboxProfiles.BuildStep), nameof(SandboxProfiles.DockerCompatible)];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    [Theory]
    [MemberData(nameof(Names))]
    public async Task What_a_profile_requires_holds(string name)
    {
        var profile = Find(name);
        var result = await Script.RunAsync(profile with { Command = ["true"] });

        Assert.True(result.ExitStatus.IsSuccess, $"{result.ExitStatus} {result.StandardError}");
        Assert.Equal(profile.RequiredIsolation, result.IsolationProperties & profile.RequiredIsolation);
        Assert.Equal(Host.IsRoot ? Isolation.Full : Isolation.Rootless, result.Isolation);
    }

    [Theory]
    [MemberData(nameof(Names))]
    public async Task A_profile_needs_a_command(string name) =>
        Assert.Contains("Command", (await Refusal.OfOptionsAsync(Find(name))).Message, StringComparison.Ordinal);

    [Fact]
    public async Task A_plugin_without_namespaces_must_be_one_process_or_have_a_cgroup()
    {
        await using var host = new ContainerHost(new() { WithoutNamespaces = true });
        var plugin = SandboxProfiles.Plugin with { Command = ["true"] };
        var refused = await Assert.ThrowsAsync<IsolationUnavailableException>(() => host.RunAsync(plugin, Token));
        Assert.Contains("SingleProcess", refused.Message, StringComparison.Ordinal);

        if (LandlockFeature.VersionOfKernel >= LandlockFeature.OfScopes)
        {
            var result = await host.RunAsync(plugin with { SingleProcess = true }, Token);
            Assert.Equal(Isolation.Restricted, result.Isolation);
            Assert.Equal(plugin.RequiredIsolation, result.IsolationProperties & plugin.RequiredIsolation);
        }
    }

    [PythonFact]
    public async Task A_build_step_with_the_hosts_network_reaches_no_socket_of_it_by_name()
    {
        var name = $"containerkit-{Guid.NewGuid()}";
        using var listener = new System.Net.Sockets.Socket(
            System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, default);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint($"\0{name}"));
        listener.Listen();
        var step = SandboxProfiles.BuildStep with
        {
            Command =
            [
                "/usr/bin/python3", "-I", "-c", $"""
                import socket
                try:
                    socket.socket(socket.AF_UNIX).connect('\0{name}')
                    print('connected')
                except PermissionError: print('denied')
                """,
            ],
            Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Network,
        };

        if (LandlockFeature.VersionOfKernel < LandlockFeature.OfScopes)
        {
            await Refusal.OfAsync<IsolationUnavailableException>(step);
            return;
        }

        Assert.Equal("denied", await Script.OutputAsync(step));
    }

    private static ContainerOptions Find(string name) =>
        (ContainerOptions)typeof(SandboxProfiles).GetProperty(name)!.GetValue(null)!;
}
