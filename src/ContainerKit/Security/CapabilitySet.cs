using System.Collections;
using System.Numerics;
using System.Runtime.CompilerServices;
using System.Text;

namespace ContainerKit;

/// <summary>Some capabilities, such as <c>[Capability.CAP_CHOWN, Capability.CAP_KILL]</c>; none by default.</summary>
[CollectionBuilder(typeof(CapabilitySet), nameof(Of))]
public readonly record struct CapabilitySet : IReadOnlyCollection<Capability>
{
    private const string Prefix = "CAP_", Every = "ALL";
    private const Capability Last = Capability.CAP_CHECKPOINT_RESTORE;

    private CapabilitySet(ulong mask) => Mask = mask;

    /// <summary>No capability.</summary>
    public static CapabilitySet None => default;

    /// <summary>Every capability of <see cref="Capability"/>.</summary>
    public static CapabilitySet All => new((2UL << (int)Last) - 1);

    /// <summary>Those that Docker gives a container unless told otherwise.</summary>
    public static CapabilitySet Docker =>
    [
        Capability.CAP_CHOWN, Capability.CAP_DAC_OVERRIDE, Capability.CAP_FSETID, Capability.CAP_FOWNER,
        Capability.CAP_MKNOD, Capability.CAP_NET_RAW, Capability.CAP_SETGID, Capability.CAP_SETUID,
        Capability.CAP_SETFCAP, Capability.CAP_SETPCAP, Capability.CAP_NET_BIND_SERVICE, Capability.CAP_SYS_CHROOT,
        Capability.CAP_KILL, Capability.CAP_AUDIT_WRITE,
    ];

    /// <summary>How many there are.</summary>
    public int Count => BitOperations.PopCount(Mask);

    /// <summary>A bit for each, as the kernel numbers them.</summary>
    internal ulong Mask { get; }

    /// <summary>These capabilities.</summary>
    /// <exception cref="ArgumentException">One is none that Linux has.</exception>
    public static CapabilitySet Of(params ReadOnlySpan<Capability> capabilities)
    {
        var mask = 0UL;
        foreach (var capability in capabilities)
        {
            mask |= capability is >= 0 and <= Last
                ? 1UL << (int)capability
                : throw new ArgumentException($"There is no capability {(int)capability}.", nameof(capabilities));
        }

        return new(mask);
    }

    /// <summary>
    /// The capabilities with these names, in any case, with or without <c>CAP_</c>; <c>ALL</c> is every one.
    /// </summary>
    /// <exception cref="ArgumentException">A name is unknown, and the message says which.</exception>
    public static CapabilitySet Parse(IEnumerable<string> names)
    {
        ArgumentNullException.ThrowIfNull(names);
        return names.Aggregate(None, (set, name) => set.With(Parse(name)));
    }

    /// <summary>Whether a capability is among them.</summary>
    public bool Contains(Capability capability) =>
        capability is >= 0 and <= Last && (Mask & (1UL << (int)capability)) != 0;

    /// <summary>These and others.</summary>
    public CapabilitySet With(CapabilitySet others) => new(Mask | others.Mask);

    /// <summary>These except others.</summary>
    public CapabilitySet Without(CapabilitySet others) => new(Mask & ~others.Mask);

    /// <inheritdoc/>
    public IEnumerator<Capability> GetEnumerator()
    {
        for (var capability = Capability.CAP_CHOWN; capability <= Last; capability++)
        {
            if (Contains(capability))
            {
                yield return capability;
            }
        }
    }

    /// <summary>Formats them by their names, <c>CAP_CHOWN, CAP_KILL</c>, or as <c>none</c> or <c>all</c>.</summary>
    public override string ToString() => Mask == 0 ? "none" : this == All ? "all" : string.Join(", ", this);

    /// <inheritdoc/>
    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The set with the bits of a mask.</summary>
    /// <exception cref="ArgumentException">One is no capability's.</exception>
    internal static CapabilitySet OfMask(ulong mask) => (mask & ~All.Mask) == 0
        ? new(mask)
        : throw new ArgumentException($"{mask:x} has bits of no capability.", nameof(mask));

    private static CapabilitySet Parse(string? name)
    {
        foreach (var capability in All)
        {
            var full = capability.ToString();
            if (Ascii.EqualsIgnoreCase(name, full) || Ascii.EqualsIgnoreCase(name, full.AsSpan(Prefix.Length)))
            {
                return [capability];
            }
        }

        return Ascii.EqualsIgnoreCase(name, Every) ? All : throw new ArgumentException(
            $"'{name}' is no capability: give names such as {Capability.CAP_CHOWN} or chown, or {Every}.");
    }
}
