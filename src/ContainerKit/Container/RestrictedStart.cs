using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>
/// Makes what a program without namespaces has for itself, and its options of that. The next one's directory is made
/// while one runs: an empty one stays.
/// </summary>
internal static class RestrictedStart
{
    private const string Prefix = "containerkit-private-";

    /// <summary>Without a pid namespace, what its program started may live on, and fill it all the while.</summary>
    private static readonly TimeSpan LongestRemoval = TimeSpan.FromSeconds(10);

    private static readonly MadeAhead<Prepared> Next = new(Make);

    private static int _isSwept, _isEndSeenTo;

    /// <summary>A directory for one start.</summary>
    public static TemporaryDirectory TakeDirectory()
    {
        if (Next.Take() is { } next)
        {
            if (next.Place == Path.GetTempPath() && next.Directory.IsUntouched)
            {
                return next.Directory;
            }

            next.Dispose();
        }

        return Make().Directory;
    }

    /// <summary>Makes the next start's, which this process removes at its end.</summary>
    public static void PrepareDirectory()
    {
        Next.Prepare();
        if (Interlocked.Exchange(ref _isEndSeenTo, 1) == 0)
        {
            AppDomain.CurrentDomain.ProcessExit += static (_, _) => Next.Take()?.Dispose();
        }
    }

    /// <summary>Makes one; the first removes what killed hosts left.</summary>
    private static Prepared Make()
    {
        var place = Path.GetTempPath();
        var parent = Restriction.WithoutLinks(place);
        if (Interlocked.Exchange(ref _isSwept, 1) == 0)
        {
            TemporaryDirectory.Sweep(parent, Prefix, LongestRemoval);
        }

        return new(place, TemporaryDirectory.Make(parent, Prefix, LongestRemoval));
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

    /// <summary>One, and the path of where it was made, which others can change.</summary>
    private sealed record Prepared(string Place, TemporaryDirectory Directory) : IDisposable
    {
        public void Dispose() => Directory.Dispose();
    }
}
