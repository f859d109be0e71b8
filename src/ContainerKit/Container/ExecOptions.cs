using System.Runtime.InteropServices;

namespace ContainerKit;

/// <summary>
/// What another program in a container is; a value to keep, share and vary with <c>with</c>. What is null is as the
/// container's options say.
/// </summary>
public sealed record ExecOptions
{
    /// <inheritdoc cref="ContainerOptions.Command"/>
    public required IReadOnlyList<string> Command { get; init; }

    /// <summary>All the program has of an environment, beside a PATH and a HOME where these are not set.</summary>
    public IReadOnlyDictionary<string, string>? Environment { get; init; }

    /// <summary>The absolute path in the container where the program starts.</summary>
    public string? WorkingDirectory { get; init; }

    /// <summary>
    /// Whom the program runs as in the container, as <see cref="ContainerOptions.User"/>; where the container has a
    /// single id, only its user. Names are looked up in the root as it was before the container changed it.
    /// </summary>
    public string? User { get; init; }

    /// <inheritdoc cref="ContainerOptions.Groups"/>
    public IReadOnlyList<string>? Groups { get; init; }

    /// <summary>What the program may do of what root may; nothing that the container's own may not.</summary>
    public CapabilitySets? Capabilities { get; init; }

    /// <inheritdoc cref="ContainerOptions.ResourceLimits"/>
    public IReadOnlyList<ResourceLimit>? ResourceLimits { get; init; }

    /// <summary>The permissions that new files do not get.</summary>
    public int? Umask { get; init; }

    /// <inheritdoc cref="ContainerOptions.Timeout"/>
    public TimeSpan Timeout { get; init; } = System.Threading.Timeout.InfiniteTimeSpan;

    /// <inheritdoc cref="ContainerOptions.StandardInput"/>
    public StandardStream StandardInput { get; init; } = StandardStream.Null;

    /// <summary>Where its output goes; nowhere unless said otherwise.</summary>
    public StandardStream StandardOutput { get; init; } = StandardStream.Null;

    /// <summary>Where its errors go; nowhere unless said otherwise.</summary>
    public StandardStream StandardError { get; init; } = StandardStream.Null;

    /// <inheritdoc cref="ContainerOptions.TerminalSize"/>
    public TerminalSize TerminalSize { get; init; } = new(80, 24);

    /// <inheritdoc cref="ContainerOptions.Descriptors"/>
    public IReadOnlyList<SafeHandle> Descriptors { get; init; } = [];

    /// <summary>What <see cref="ContainerProcess.StopAsync"/> asks the program to end with.</summary>
    public Signal? StopSignal { get; init; }

    /// <summary>The longest the program may take to end after being asked to.</summary>
    public TimeSpan? StopTimeout { get; init; }

    /// <summary>A container's options with these in place of its program's.</summary>
    internal ContainerOptions In(ContainerOptions container)
    {
        if (User is not null && User != container.User && !container.IdMap.HasOtherIds)
        {
            throw new ArgumentException(
                $"With {container.IdMap} the container has no user '{User}', only '{container.User}'; leave User out.");
        }

        if (Capabilities?.Bounding.Without(container.Capabilities.Bounding) is { Count: > 0 } foreign)
        {
            throw new ArgumentException(
                $"Capabilities has {foreign}, which the container cannot have: start the container with it.");
        }

        return container with
        {
            Mounts = [],
            Command = Command,
            Environment = Environment ?? container.Environment,
            WorkingDirectory = WorkingDirectory ?? container.WorkingDirectory,
            User = User ?? container.User,
            Groups = Groups ?? container.Groups,
            Capabilities = Capabilities ?? container.Capabilities,
            ResourceLimits = ResourceLimits ?? container.ResourceLimits,
            Umask = Umask ?? container.Umask,
            Timeout = Timeout,
            StandardInput = StandardInput,
            StandardOutput = StandardOutput,
            StandardError = StandardError,
            TerminalSize = TerminalSize,
            Descriptors = Descriptors,
            DescriptorNames = [],
            SocketActivation = false,
            StopSignal = StopSignal ?? container.StopSignal,
            StopTimeout = StopTimeout ?? container.StopTimeout,
        };
    }
}
