namespace ContainerKit;

/// <summary>Makes what a program without namespaces has for itself, and its options of that.</summary>
internal static class RestrictedStart
{
    private const string Prefix = "containerkit-private-";

    /// <summary>Without a pid namespace, what its program started may live on, and fill it all the while.</summary>
    private static readonly TimeSpan LongestRemoval = TimeSpan.FromSeconds(10);

    private static int _isSwept;

    /// <summary>Makes its directory; the first removes what killed hosts left.</summary>
    public static TemporaryDirectory MakeDirectory()
    {
        var parent = Restriction.WithoutLinks(Path.GetTempPath());
        if (Interlocked.Exchange(ref _isSwept, 1) == 0)
        {
            TemporaryDirectory.Sweep(parent, Prefix, LongestRemoval);
        }

        return TemporaryDirectory.Make(parent, Prefix, LongestRemoval);
    }

    /// <summary>The options of a start in a cgroup, or in none.</summary>
    /// <exception cref="IsolationUnavailableException">It was to die with its host, and the cgroup does not do that.
    /// </exception>
    public static ContainerOptions OptionsOf(
        ContainerOptions options, TemporaryDirectory directory, ContainerGroup? group)
    {
        var properties = IsolationClaim.PropertiesOf(options, isRestricted: true);
        if (!options.SingleProcess && group?.Unified is null)
        {
            properties &= ~IsolationProperties.DiesWithHost;
            Check(options.RequiredIsolation);
        }

        return options with
        {
            Restriction = Restriction.Of(options, directory.FullPath, properties),
            Namespaces = NamespaceKinds.None,
            MaxProcesses = null,
            Init = false, // else one would be taken off what its cgroup counted
        };
    }

    private static void Check(IsolationProperties required)
    {
        if (required.HasFlag(IsolationProperties.DiesWithHost))
        {
            throw new IsolationUnavailableException(
            [
                HostFinding.No("dies with its host", new(
                    "The container's cgroup is none of version 2, which alone is killed as a whole when its host is "
                    + "gone.",
                    "Set SingleProcess, or mount version 2 for this user.")),
            ]);
        }
    }
}
