using System.Runtime.CompilerServices;

namespace ContainerKit;

/// <summary>Copies of what a caller can still change, taken before anything is made of it.</summary>
internal static class OptionsSnapshot
{
    /// <summary>The same options, with lists of their own.</summary>
    /// <exception cref="ArgumentException">An option is null that must not be, and the message says which.</exception>
    public static ContainerOptions Of(ContainerOptions options)
    {
        NotNull(options.Root);
        NotNull(options.WorkingDirectory);
        NotNull(options.User);
        NotNull(options.IdMap);
        NotNull(options.HostName);
        NotNull(options.Capabilities);
        return options with
        {
            Command = Copy(options.Command),
            Mounts = Copy(options.Mounts),
            Directories = Copy(options.Directories),
            MaskedPaths = Copy(options.MaskedPaths),
            ReadOnlyPaths = Copy(options.ReadOnlyPaths),
            Groups = Copy(options.Groups),
            ResourceLimits = Copy(options.ResourceLimits),
            Descriptors = Copy(options.Descriptors),
            DescriptorNames = Copy(options.DescriptorNames),
            Join = Copy(options.Join),
            Environment = Copy(options.Environment),
            Sysctls = Copy(options.Sysctls),
            Limits = options.Limits is { } limits ? Of(limits) : null,
            Landlock = options.Landlock is { } rules ? Of(rules) : null,
        };
    }

    private static CgroupLimits Of(CgroupLimits limits) => limits with
    {
        Cpus = limits.Cpus is null ? null : [.. limits.Cpus],
        MemoryNodes = limits.MemoryNodes is null ? null : [.. limits.MemoryNodes],
        Devices = limits.Devices is null ? null : Copy(limits.Devices),
        Io = Copy(limits.Io),
        Unified = [.. limits.Unified],
    };

    private static LandlockRules Of(LandlockRules rules) => rules with
    {
        Paths = rules.Paths is { } paths ? Copy(paths) : null,
        TcpBindPorts = rules.TcpBindPorts is { } bound ? Copy(bound) : null,
        TcpConnectPorts = rules.TcpConnectPorts is { } connected ? Copy(connected) : null,
    };

    private static void NotNull(object? option, [CallerArgumentExpression(nameof(option))] string? name = null)
    {
        if (option is null)
        {
            throw new ArgumentException(
                $"{name![(name!.IndexOf('.', StringComparison.Ordinal) + 1)..]} must not be null.");
        }
    }

    private static IReadOnlyList<T> Copy<T>(
        IReadOnlyList<T> list, [CallerArgumentExpression(nameof(list))] string? name = null)
    {
        NotNull(list, name);
        if (list.Count == 0)
        {
            return list is T[]? list : [];
        }

        var copy = new T[list.Count];
        for (var i = 0; i < copy.Length; i++)
        {
            copy[i] = list[i];
            NotNull(copy[i], $"{name}[{i}]");
        }

        return copy;
    }

    private static Dictionary<string, string> Copy(
        IReadOnlyDictionary<string, string> values, [CallerArgumentExpression(nameof(values))] string? name = null)
    {
        NotNull(values, name);
        return new(values);
    }
}
