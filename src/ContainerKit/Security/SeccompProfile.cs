using System.Runtime.InteropServices;
using System.Text;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Which system calls a container's programs may make; a value to keep, share and vary with <c>with</c>. The kernel
/// asks it each time; seccomp(2). Only calls of the machine's own table are looked up in it: whoever makes one of
/// another, as programs of 32 bits do, is killed, and those of x32 are ENOSYS.
/// </summary>
public sealed partial record SeccompProfile
{
    /// <summary>How many rules there are at the most; the kernel takes no filter that would have more.</summary>
    internal const int MostRules = 1024;

    /// <summary>
    /// What becomes of calls that no rule is for. Where that is an errno, calls that are newer than the profile are
    /// ENOSYS, so that programs do without them: those that this version of the library does not know, or, after
    /// <see cref="Parse(string)"/>, whose number is greater than all that the document names.
    /// </summary>
    public required SeccompAction DefaultAction { get; init; }

    /// <summary>The rules. The first decides that applies, has the call, and whose arguments fit.</summary>
    public IReadOnlyList<SeccompRule> Rules
    {
        get;
        init
        {
            ArgumentNullException.ThrowIfNull(value);
            field = [.. value];
            if (field.Contains(null!))
            {
                throw new ArgumentException("Rules of a seccomp profile hold a null.", nameof(value));
            }
        }
    } = [];

    /// <summary>The architecture that it is for; null, unless said otherwise, for each.</summary>
    public Architecture? Architecture { get; init; }

    /// <summary>
    /// Whether it confines nothing: what would be denied is allowed, and the kernel's audit log says so. False unless
    /// said otherwise.
    /// </summary>
    public bool LogOnly { get; init; }

    /// <summary>Whether the kernel's audit log tells of what is denied; false unless said otherwise.</summary>
    public bool LogDenied { get; init; }

    /// <summary>The names in its rules that are no system call's of x64 or arm64, each once.</summary>
    public IReadOnlyList<string> UnknownCalls =>
        [.. Rules.SelectMany(rule => rule.Calls).Where(name => !SyscallTable.Has(name)).Distinct()];

    /// <summary>Whether it is a document's, which may be older than this version of the library.</summary>
    internal bool IsParsed { get; init; }

    /// <summary>A filter that is all that is known of it.</summary>
    internal SeccompFilter? Compiled { get; init; }

    /// <summary>What was compiled of it, or of what it is a copy of.</summary>
    internal SeccompFilters Filters;

    /// <summary>Whether there is anything that it does not allow.</summary>
    internal bool Confines => Compiled is not null || DefaultAction != SeccompAction.Allow || Rules.Count > 0;

    /// <summary>
    /// Reads a profile as container engines have it: the <c>linux.seccomp</c> of an OCI runtime's configuration, or a
    /// file for <c>--security-opt seccomp=</c> of Docker and Podman, with conditions for capabilities, architectures
    /// and kernels. Names that no call has are in <see cref="UnknownCalls"/>. What asks another process to decide,
    /// SCMP_ACT_TRACE and SCMP_ACT_NOTIFY, is refused, as are rules that contradict each other.
    /// </summary>
    /// <exception cref="FormatException">It is none; the message has the field and its value.</exception>
    public static SeccompProfile Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        return Parse(Encoding.UTF8.GetBytes(json));
    }

    /// <inheritdoc cref="Parse(string)"/>
    public static SeccompProfile Parse(ReadOnlyMemory<byte> utf8Json) => SeccompDocument.Read(utf8Json);

    /// <summary>
    /// Lists the filter that the kernel runs on this machine for a program without capabilities, instruction by
    /// instruction.
    /// </summary>
    /// <exception cref="ArgumentException">It cannot be meant, or denies what starts a program.</exception>
    public string Explain() => SeccompFilter.Of(this, CapabilitySet.None) is { } filter ? $"{filter}" : "";

    /// <summary>Lists the rules, one a line, and what becomes of all else.</summary>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var rule in Rules)
        {
            text.Append(rule).Append('\n');
        }

        text.Append(DefaultAction).Append(Rules.Count == 0 ? " everything" : " everything else");
        return text.Append(LogOnly ? ", but only log what is denied" : "").ToString();
    }

    /// <summary>The profile of a filter that was compiled before.</summary>
    internal static SeccompProfile Of(SeccompFilter compiled) =>
        new() { DefaultAction = SeccompAction.KillProcess, Compiled = compiled };

    /// <summary>Complains about one that cannot be meant, or is not for an architecture.</summary>
    internal void Validate(SeccompTarget target)
    {
        if (Architecture is not null && Architecture != target.Architecture)
        {
            throw new ArgumentException(
                $"The seccomp profile is for {Architecture}, and this is {target.Architecture}.");
        }

        if (Rules.Count > MostRules)
        {
            throw new ArgumentException(
                $"A seccomp profile has at most {MostRules} rules, and this one {Rules.Count}.");
        }

        foreach (var rule in Rules)
        {
            rule.Validate();
        }
    }
}
