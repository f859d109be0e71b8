namespace ContainerKit.KernelTests;

/// <summary>Small programs to run in containers, and what came of them.</summary>
internal static class Script
{
    /// <summary>A container for a script of the shell.</summary>
    public static ContainerOptions Shell(string script) => new() { Command = ["sh", "-c", script] };

    /// <summary>A container for a script of Python, which lies below /usr.</summary>
    public static ContainerOptions Python(string script) =>
        new() { Command = ["/usr/bin/python3", "-I", "-c", script] };

    /// <summary>What a program prints; fails when the program does.</summary>
    public static async Task<string> OutputAsync(ContainerOptions options)
    {
        var result = await Container.RunAsync(options).WaitAsync(TimeFactor.Seconds(60));
        Assert.True(
            result.ExitStatus.IsSuccess, $"{result.ExitStatus}\n{result.StandardOutput}\n{result.StandardError}");
        return result.StandardOutput.TrimEnd('\n');
    }

    /// <summary>What a script of the shell prints in the default container.</summary>
    public static Task<string> OutputAsync(string script) => OutputAsync(Shell(script));

    /// <summary>Runs a program that may fail.</summary>
    public static Task<ContainerResult> RunAsync(ContainerOptions options) =>
        Container.RunAsync(options).WaitAsync(TimeFactor.Seconds(60));

    /// <inheritdoc cref="RunAsync(ContainerOptions)"/>
    public static Task<ContainerResult> RunAsync(string script) => RunAsync(Shell(script));
}
