namespace ContainerKit.KernelTests;

/// <summary>The kinds of starts that a program can have, each of which must hold it alike.</summary>
internal static class Starts
{
    /// <summary>Their names.</summary>
    public static string[] Kinds { get; } =
        ["run", "run without init", "start", "exec", "exec without init", "detached", "exec in detached"];

    /// <summary>Those of a program without namespaces: it has no init, and does not outlive its host.</summary>
    public static string[] WithoutNamespaces { get; } = ["run", "start", "exec"];

    private static CancellationToken Token => TestContext.Current.CancellationToken;

    /// <summary>
    /// What a script prints as a program of a container with these options, started in some way; by this host, unless
    /// it is detached.
    /// </summary>
    public static Task<string> OutputAsync(
        string kind, ContainerOptions options, string script, ContainerHost? host = null) => kind switch
        {
            "run" => RunAsync(host, options with { Command = ["sh", "-c", script] }),
            "run without init" => RunAsync(host, options with { Command = ["sh", "-c", script], Init = false }),
            "start" => StartAsync(host, options with { Command = ["sh", "-c", script] }),
            "exec" => ExecAsync(host, options, script),
            "exec without init" => ExecAsync(host, options with { Init = false }, script),
            "detached" => DetachAsync(options, script, executed: false),
            "exec in detached" => DetachAsync(options, script, executed: true),
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, null),
        };

    private static async Task<string> RunAsync(ContainerHost? host, ContainerOptions options) =>
        Output(await Eventually.Ends((host ?? ContainerHost.Default).RunAsync(options, Token), seconds: 60));

    private static async Task<string> StartAsync(ContainerHost? host, ContainerOptions options)
    {
        await using var container = await (host ?? ContainerHost.Default).StartAsync(
            options with { StandardOutput = StandardStream.Capture(ByteSize.MiB(1)) }, Token);
        return Output(await Eventually.Ends(container.WaitForResultAsync(Token)));
    }

    private static async Task<string> ExecAsync(ContainerHost? host, ContainerOptions options, string script)
    {
        await using var container = await (host ?? ContainerHost.Default).StartAsync(
            options with { Command = ["sleep", "1000"] }, Token);
        return await ExecAsync(container.ExecAsync, script);
    }

    private static async Task<string> ExecAsync(
        Func<ExecOptions, CancellationToken, Task<ContainerProcess>> execute, string script)
    {
        await using var process = await execute(
            new()
            {
                Command = ["sh", "-c", script],
                StandardOutput = StandardStream.Capture(ByteSize.MiB(1)),
                StandardError = StandardStream.Capture(ByteSize.MiB(1)),
            },
            Token);
        return Output(await Eventually.Ends(process.WaitForResultAsync(Token)));
    }

    private static async Task<string> DetachAsync(ContainerOptions options, string script, bool executed)
    {
        using var temp = new TempDirectory();
        await using var host = new ContainerHost(new() { StateDirectory = temp["state"] });
        await using var container = await host.StartDetachedAsync(
            "one",
            options with
            {
                Command = executed ? ["sleep", "1000"] : ["sh", "-c", script],
                StandardOutput = StandardStream.Log(ByteSize.MiB(1)),
            },
            Token);
        try
        {
            if (executed)
            {
                await using var attached = await host.AttachAsync("one", Token); // knows what was written of it
                return await ExecAsync(attached.ExecAsync, script);
            }

            Assert.True((await Eventually.Ends(container.WaitAsync(Token))).IsSuccess);
            await Eventually.Holds(
                () => new FileInfo(container.StandardOutputPath!) is { Exists: true, Length: > 0 }, "It said nothing.");
            return (await File.ReadAllTextAsync(container.StandardOutputPath!, Token)).TrimEnd('\n');
        }
        finally
        {
            await container.RemoveAsync(Token);
        }
    }

    private static string Output(ContainerResult result)
    {
        Assert.True(
            result.ExitStatus.IsSuccess, $"{result.ExitStatus}\n{result.StandardOutput}\n{result.StandardError}");
        return result.StandardOutput.TrimEnd('\n');
    }
}
