using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Tests.Security;

/// <summary>What a profile says of a call, rule by rule.</summary>
internal sealed class NaiveProfile(SeccompProfile profile, SeccompTarget target)
{
    private const uint X32 = 0x40000000;

    private readonly ILookup<int?, SeccompRule> _rules = (
        from rule in profile.Rules
        where Applies(rule, target)
        from number in rule.Calls.Select(name => SyscallTable.NumberOf(name, target.Architecture)).Distinct()
        select (number, rule)).ToLookup(pair => pair.number, pair => pair.rule);

    private readonly int _newest = !profile.IsParsed ? SyscallTable.Newest(target.Architecture)
        : profile.Rules.SelectMany(rule => rule.Calls).Max(name => SyscallTable.NumberOf(name, target.Architecture)) ?? -1;

    public SeccompAction AskForeign() => Logged(SeccompAction.KillProcess);

    public SeccompAction Ask(uint number, ReadOnlySpan<ulong> arguments) => Logged(AskStrictly(number, arguments));

    private SeccompAction Logged(SeccompAction action) =>
        profile.LogOnly && action != SeccompAction.Allow ? SeccompAction.Log : action;

    private SeccompAction AskStrictly(uint number, ReadOnlySpan<ulong> arguments)
    {
        var noCall = SeccompAction.Errno(Errno.ENOSYS);
        if (target.Architecture == Architecture.X64 && number >= X32)
        {
            return noCall;
        }

        foreach (var rule in _rules[(int)number])
        {
            if (Fits(rule, arguments))
            {
                return rule.Action;
            }
        }

        return number > _newest && profile.DefaultAction.ToString().StartsWith("errno", StringComparison.Ordinal)
            ? noCall
            : profile.DefaultAction;
    }

    private static bool Applies(SeccompRule rule, SeccompTarget target) =>
        (rule.Architecture is null || rule.Architecture == target.Architecture)
        && rule.Capabilities.All(target.Capabilities.Contains) && !rule.WithoutCapabilities.Any(target.Capabilities.Contains)
        && (rule.MinimumKernel is null || target.Kernel >= rule.MinimumKernel)
        && (rule.BelowKernel is null || target.Kernel < rule.BelowKernel);

    private static bool Fits(SeccompRule rule, ReadOnlySpan<ulong> arguments)
    {
        foreach (var condition in rule.Arguments)
        {
            var value = arguments[condition.Index] & condition.Mask;
            var holds = condition.Comparison switch
            {
                SeccompComparison.Equal => value == condition.Value,
                SeccompComparison.NotEqual => value != condition.Value,
                SeccompComparison.Less => value < condition.Value,
                SeccompComparison.LessOrEqual => value <= condition.Value,
                SeccompComparison.Greater => value > condition.Value,
                _ => value >= condition.Value,
            };
            if (!holds)
            {
                return false;
            }
        }

        return true;
    }
}
