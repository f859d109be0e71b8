using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchStage
{
    /// <summary>landlock_create_ruleset(2): what of this no rule allows is denied.</summary>
    public Descriptor CreateRuleset(LandlockFileRights files, LandlockPortRights ports, LandlockScopeFlags scopes) =>
        Keep(ref Add(Call.landlock_create_ruleset, Data.Add(new LandlockRuleset(files, ports, scopes)), 24, 0));

    /// <summary>
    /// openat2(2) of what a rule will be about: no link leads there, and none leads out of <paramref name="root"/>.
    /// </summary>
    public Descriptor OpenForRule(Descriptor root, string path, LandlockFileRights allowed)
    {
        var rule = Data.Add(new LandlockPathRule(allowed, 0));
        OpenInRoot(root, path, OpenFlags.O_PATH, ResolveFlags.RESOLVE_NO_SYMLINKS);
        Last.Call = Call.openForRule;
        return KeepResultAt(rule + LandlockPathRule.OffsetOfPlace);
    }

    /// <summary>
    /// landlock_add_rule(2): what was said is allowed in a place that was opened for it, and below; if it was.
    /// </summary>
    public void AllowBelow(Descriptor ruleset, Descriptor place) =>
        Add(Call.landlock_path, ruleset, (long)LandlockRuleType.LANDLOCK_RULE_PATH_BENEATH,
            place.Value - LandlockPathRule.OffsetOfPlace, 0, place); // beyond what the call has: no place, no rule

    /// <summary>landlock_add_rule(2) of a TCP port.</summary>
    public void AllowPort(Descriptor ruleset, int port, LandlockPortRights allowed) =>
        Add(Call.landlock_port, ruleset, (long)LandlockRuleType.LANDLOCK_RULE_NET_PORT,
            Data.Add(new LandlockPortRule(allowed, (ulong)port)), 0);

    /// <summary>landlock_restrict_self(2): for good, and for all that it executes.</summary>
    public void RestrictSelf(Descriptor ruleset, LandlockRestrictFlags flags) =>
        Add(Call.landlock_restrict_self, ruleset, (long)flags);

    /// <summary>What is denied unless rules allow it; struct landlock_ruleset_attr.</summary>
    internal readonly record struct LandlockRuleset(
        LandlockFileRights Files, LandlockPortRights Ports, LandlockScopeFlags Scopes);

    /// <summary>What is allowed in a place; struct landlock_path_beneath_attr.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 4)]
    internal readonly record struct LandlockPathRule(LandlockFileRights Allowed, int Place)
    {
        public const int OffsetOfPlace = sizeof(ulong);
    }

    /// <summary>What is allowed of a port; struct landlock_net_port_attr.</summary>
    internal readonly record struct LandlockPortRule(LandlockPortRights Allowed, ulong Port);
}
