using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A compiled profile, as the kernel takes it.</summary>
internal sealed class SeccompFilter(byte[] bytes, SeccompFlags flags)
{
    private static readonly string[] CallsOfStart = ["execve", "write", "exit_group"];

    private static SeccompFilter? _default;

    private SeccompProfile? _profile; // null, as what follows, for one that was compiled before
    private SeccompTarget? _target;
    private SeccompFilter? _next;

    /// <summary>Its instructions.</summary>
    public byte[] Bytes { get; } = bytes;

    /// <summary>How it is installed.</summary>
    public SeccompFlags Flags { get; } = flags;

    /// <summary>
    /// A profile for a program that is started with these capabilities, compiled at the first time; null where the
    /// profile allows everything. Without a profile it is the default one.
    /// </summary>
    /// <exception cref="ArgumentException">The profile cannot be meant, or denies what starts the program.</exception>
    public static SeccompFilter? Of(SeccompProfile? profile, CapabilitySet capabilities)
    {
        if (profile is null && capabilities == CapabilitySet.None)
        {
            return _default ??=
                new(SeccompDefaultFilter.For(RuntimeInformation.ProcessArchitecture), SeccompFlags.None);
        }

        profile ??= SeccompProfile.Default;
        if (profile.Compiled is not null || !profile.Confines)
        {
            return profile.Compiled;
        }

        ref var first = ref profile.Filters.First;
        for (var known = first; known?._profile == (object)profile; known = known._next)
        {
            if (known._target!.Capabilities == capabilities)
            {
                return known;
            }
        }

        var filter = Compile(profile, SeccompTarget.Here(capabilities));
        (filter._profile, filter._next) = (profile, first?._profile == (object)profile ? first : null);
        first = filter; // of two at once one is lost, and compiled again
        return filter;
    }

    /// <summary>A profile for a program.</summary>
    /// <exception cref="ArgumentException">The profile cannot be meant, or denies what starts the program.</exception>
    public static SeccompFilter Compile(SeccompProfile profile, SeccompTarget target)
    {
        profile.Validate(target);
        var decisions = new SeccompDecisions(profile, target);
        foreach (var call in CallsOfStart)
        {
            if (!decisions[SyscallTable.NumberOf(call, target.Architecture)!.Value].AlwaysLetsPass)
            {
                throw new ArgumentException(
                    $"The seccomp profile denies {call}: a start needs execve, and write and exit_group to tell why it "
                        + "failed. Allow them with any arguments.");
            }
        }

        var flags = profile.LogDenied ? SeccompFlags.SECCOMP_FILTER_FLAG_LOG : SeccompFlags.None;
        return new(SeccompCompiler.Compile(decisions), flags) { _target = target };
    }

    /// <summary>A listing; where it is known for what it is, with the names of calls.</summary>
    public override string ToString() =>
        SeccompListing.Of(Bytes, _target is null ? [] : SyscallTable.NamesOf(_target.Architecture));
}
