namespace ContainerKit;

/// <summary>
/// Rules that mean the same in both versions: one for the same numbers of a kind, none that another covers. Without
/// any, all is denied.
/// </summary>
internal sealed class DeviceRules
{
    private readonly Dictionary<(DeviceKind Kind, int? Major, int? Minor), DeviceAccess> _access = [];

    public DeviceRules(IEnumerable<DeviceRule> rules)
    {
        foreach (var rule in rules)
        {
            if (rule.Kind is not DeviceKind.Block)
            {
                Add(rule with { Kind = DeviceKind.Character });
            }

            if (rule.Kind is not DeviceKind.Character)
            {
                Add(rule with { Kind = DeviceKind.Block });
            }
        }

        foreach (var rule in Each().FindAll(IsCovered))
        {
            _access.Remove((rule.Kind, rule.Major, rule.Minor));
        }
    }

    /// <summary>Whether all is allowed.</summary>
    public bool AllowAll =>
        (Of(DeviceKind.Block, null, null) & Of(DeviceKind.Character, null, null)) is DeviceAccess.All;

    /// <summary>The rules, or the one that allows all.</summary>
    public IReadOnlyList<DeviceRule> ToList() => AllowAll ? [DeviceRule.All] : Each();

    /// <summary>The rules, each of one kind.</summary>
    public List<DeviceRule> Each() =>
        [.. _access.Select(pair => new DeviceRule(pair.Key.Kind, pair.Key.Major, pair.Key.Minor, pair.Value))];

    /// <summary>What these allow and others do not, rule by rule.</summary>
    public List<DeviceRule> Except(DeviceRules others) =>
        [.. Each().Select(rule => rule with { Access = rule.Access & ~others.Of(rule.Kind, rule.Major, rule.Minor) })
            .Where(rule => rule.Access is not DeviceAccess.None)];

    private void Add(DeviceRule rule) =>
        _access[(rule.Kind, rule.Major, rule.Minor)] = rule.Access | Of(rule.Kind, rule.Major, rule.Minor);

    private bool IsCovered(DeviceRule rule)
    {
        return (rule.Major is not null && Covers(null, rule.Minor))
            || (rule.Minor is not null && Covers(rule.Major, null))
            || (rule.Major is not null && rule.Minor is not null && Covers(null, null));

        bool Covers(int? major, int? minor) => (rule.Access & ~Of(rule.Kind, major, minor)) is DeviceAccess.None;
    }

    private DeviceAccess Of(DeviceKind kind, int? major, int? minor) =>
        _access.GetValueOrDefault((kind, major, minor));
}
