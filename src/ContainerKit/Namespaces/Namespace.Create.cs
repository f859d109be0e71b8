using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

public sealed partial class Namespace
{
    /// <summary>
    /// Makes new namespaces, one of each of these kinds, in which no process is, and returns them in the order of
    /// <see cref="NamespaceKinds"/>. A user namespace among them owns the others; an ordinary user needs it, or
    /// <see cref="NamespaceOptions.Owner"/>. The loopback interface of a network namespace is up.
    /// </summary>
    /// <exception cref="ArgumentException">The options cannot be meant, or the kinds include
    /// <see cref="NamespaceKinds.Pid"/>: a pid namespace ends with its PID 1, as a container's does.</exception>
    /// <exception cref="LaunchException">This user may not make them, or a limit is reached; nothing is
    /// left.</exception>
    public static async Task<IReadOnlyList<Namespace>> CreateAsync(
        NamespaceKinds kinds, NamespaceOptions? options = null, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        var made = new NewNamespaces(kinds, options ?? new());
        using var maker = NamespaceMaker.Start(made.Launcher, made.Plan());
        await made.FinishAsync(maker, cancellationToken).ConfigureAwait(false);
        var files = new List<SafeFileHandle>();
        try
        {
            files.AddRange(NamespaceFile.Names.Keys.Where(kind => kinds.HasFlag(kind)).Order().Select(
                kind => maker.Open(kind is NamespaceKinds.Time ? "time_for_children" : NamespaceFile.Names[kind])));
        }
        catch
        {
            files.ForEach(file => file.Dispose());
            throw;
        }

        return Take(files);
    }
}
