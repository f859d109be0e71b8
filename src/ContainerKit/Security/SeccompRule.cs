using System.Runtime.InteropServices;

namespace ContainerKit;

/// <summary>
/// What becomes of some system calls, by their names: of those whose arguments are as <see cref="Arguments"/> say, in a
/// container where the rule applies. A name that no call has is passed over; see
/// <see cref="SeccompProfile.UnknownCalls"/>.
/// </summary>
public sealed record SeccompRule(IReadOnlyList<string> Calls, SeccompAction Action)
{
    /// <summary>The calls' names, as section 2 of the manual has them.</summary>
    public IReadOnlyList<string> Calls { get; init => field = Copy(value, nameof(Calls)); } =
        Copy(Calls, nameof(Calls));

    /// <summary>What all must hold of a call's arguments; anything unless said otherwise.</summary>
    public IReadOnlyList<SeccompArgument> Arguments { get; init => field = Copy(value, nameof(Arguments)); } = [];

    /// <summary>The architecture on which it applies; null, unless said otherwise, for each.</summary>
    public Architecture? Architecture { get; init; }

    /// <summary>
    /// The capabilities that the program must have, in its bounding set, for the rule to apply; none unless said
    /// otherwise.
    /// </summary>
    public CapabilitySet Capabilities { get; init; }

    /// <summary>Those of which it must have none.</summary>
    public CapabilitySet WithoutCapabilities { get; init; }

    /// <summary>The first version of Linux, such as 4.8, for which it applies; null, unless said, for all.</summary>
    public Version? MinimumKernel { get; init; }

    /// <summary>The first for which it applies no more.</summary>
    public Version? BelowKernel { get; init; }

    /// <summary>Formats it as a line of a listing: <c>allow personality where a0 == 0x8</c>.</summary>
    public override string ToString()
    {
        List<string> conditions = [.. Arguments.Select(argument => $"{argument}")];
        Add("on", $"{Architecture}");
        Add("with", Capabilities.Count == 0 ? "" : $"{Capabilities}");
        Add("without", WithoutCapabilities.Count == 0 ? "" : $"{WithoutCapabilities}");
        Add("since Linux", $"{MinimumKernel}");
        Add("before Linux", $"{BelowKernel}");
        var where = conditions.Count == 0 ? "" : $" where {string.Join(" and ", conditions)}";
        return $"{Action} {string.Join(", ", Calls)}{where}";

        void Add(string word, string values)
        {
            if (values.Length > 0)
            {
                conditions.Add($"{word} {values}");
            }
        }
    }

    /// <summary>Complains about one that cannot be meant.</summary>
    internal void Validate()
    {
        foreach (var argument in Arguments)
        {
            argument.Validate();
        }
    }

    private static T[] Copy<T>(IReadOnlyList<T> list, string name) where T : class
    {
        ArgumentNullException.ThrowIfNull(list, name);
        var copy = new T[list.Count];
        for (var i = 0; i < copy.Length; i++)
        {
            copy[i] = list[i] ?? throw new ArgumentException($"{name} of a rule holds a null.", name);
        }

        return copy;
    }
}
