using System.Collections;
using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>Runs programs of the host in namespaces, as <c>nsenter</c> and <c>ip netns exec</c> do.</summary>
public static class NamespaceExtensions
{
    /// <inheritdoc cref="RunAsync(IReadOnlyList{Namespace}, IReadOnlyList{string}, CancellationToken)"/>
    public static Task<ContainerResult> RunAsync(
        this Namespace @namespace, IReadOnlyList<string> command, CancellationToken cancellationToken = default) =>
        RunAsync([@namespace], command, cancellationToken);

    /// <summary>
    /// Runs a program of the host in these namespaces until it ends, and captures up to 1 MiB of its output and of its
    /// errors. It is not contained: it has this process's environment, files and privileges; in a user namespace those
    /// of its root, whom one that is joined with a pid namespace must have; in a mount namespace the files of that,
    /// where the program is looked up. Cancelling kills it, but no children of its.
    /// </summary>
    /// <exception cref="ArgumentException">There is no program or no namespace, or two are of one kind.</exception>
    /// <exception cref="LaunchException">A step failed: this process may not join, or there is no such
    /// program.</exception>
    public static async Task<ContainerResult> RunAsync(
        this IReadOnlyList<Namespace> namespaces, IReadOnlyList<string> command,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(namespaces);
        ArgumentNullException.ThrowIfNull(command);
        cancellationToken.ThrowIfCancellationRequested();
        var options = new ContainerOptions { Command = command, Environment = Environment() };
        options = OptionsSnapshot.Of(options);
        OptionsCheck.ValidateExec(options);
        var process = Launch(namespaces, options);
        await using var disposed = process.ConfigureAwait(false);
        process.Follow();
        process.Begin();
        await using (cancellationToken.UnsafeRegister(static process => ((NamespaceProcess)process!).Kill(), process)
            .ConfigureAwait(false))
        {
            await process.Ended.ConfigureAwait(false);
        }

        cancellationToken.ThrowIfCancellationRequested();
        return await process.WaitForResultAsync(cancellationToken).ConfigureAwait(false);
    }

    private static NamespaceProcess Launch(IReadOnlyList<Namespace> namespaces, ContainerOptions options)
    {
        var streams = new StandardStreams(options, StandardStream.Capture(ByteSize.MiB(1)));
        try
        {
            var plan = ContainerPlan.MakeInNamespaces(options, namespaces);
            var launched = LaunchedProcess.Start(Launcher.Memory, plan, streams.OfProgram, onlyEnd: true);
            return new(options, launched, streams);
        }
        catch
        {
            streams.Dispose();
            throw;
        }
    }

    private static Dictionary<string, string> Environment() =>
        System.Environment.GetEnvironmentVariables().Cast<DictionaryEntry>()
            .ToDictionary(variable => (string)variable.Key, variable => (string)variable.Value!);
}
