using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What a profile decides on each call, by its number.</summary>
internal sealed class SeccompDecisions
{
    private readonly List<SeccompDecision> _whole = [];
    private readonly SeccompDecision[] _known;
    private readonly bool _logsOnly;

    public SeccompDecisions(SeccompProfile profile, SeccompTarget target)
    {
        (Target, _logsOnly) = (target, profile.LogOnly);
        Foreign = Whole(SeccompAction.KillProcess);
        Unknown = Whole(SeccompAction.Errno(Errno.ENOSYS));
        Newer = profile.DefaultAction.IsErrno ? Unknown : Whole(profile.DefaultAction);
        _known = new SeccompDecision[1 + (profile.IsParsed ? NewestOf(profile) : SyscallTable.Newest(Architecture))];
        var unnamed = Whole(profile.DefaultAction);
        for (var number = 0; number < _known.Length; number++)
        {
            _known[number] = unnamed;
        }

        for (var i = profile.Rules.Count - 1; i >= 0; i--) // the first that fits decides, so the last is there first
        {
            if (target.Meets(profile.Rules[i]))
            {
                Add(profile.Rules[i]);
            }
        }
    }

    /// <summary>For what this is.</summary>
    public SeccompTarget Target { get; }

    /// <summary>The decision on calls of another architecture.</summary>
    public SeccompDecision Foreign { get; }

    /// <summary>The decision on what is no call of this kernel's.</summary>
    public SeccompDecision Unknown { get; }

    /// <summary>The decision on calls that are newer than the profile, whose numbers are greater.</summary>
    public SeccompDecision Newer { get; }

    /// <summary>How many numbers the profile knows.</summary>
    public int Count => _known.Length;

    /// <summary>The decision on a call.</summary>
    public SeccompDecision this[int number] => number < Count ? _known[number] : Newer;

    private System.Runtime.InteropServices.Architecture Architecture => Target.Architecture;

    private void Add(SeccompRule rule)
    {
        var action = Effective(rule.Action);
        Dictionary<SeccompDecision, SeccompDecision> made = [];
        foreach (var name in rule.Calls)
        {
            if (SyscallTable.NumberOf(name, Architecture) is { } number && number < Count)
            {
                _known[number] = rule.Arguments.Count == 0 ? Whole(action) : Before(_known[number]);
            }
        }

        SeccompDecision Before(SeccompDecision next)
        {
            if (ReferenceEquals(next.Rule, rule))
            {
                return next; // named twice
            }

            if (!made.TryGetValue(next, out var decision))
            {
                made[next] = decision = next.Rule is null && next.Action == action ? next : new(action, rule, next);
            }

            return decision;
        }
    }

    private SeccompDecision Whole(SeccompAction action)
    {
        action = Effective(action);
        foreach (var known in _whole)
        {
            if (known.Action == action)
            {
                return known;
            }
        }

        var decision = new SeccompDecision(action);
        _whole.Add(decision);
        return decision;
    }

    private SeccompAction Effective(SeccompAction action) =>
        _logsOnly && !action.LetsPass ? SeccompAction.Log : action;

    /// <summary>The greatest number among the calls that a profile names, -1 where there is none.</summary>
    private int NewestOf(SeccompProfile profile)
    {
        var newest = -1;
        foreach (var rule in profile.Rules)
        {
            foreach (var name in rule.Calls)
            {
                newest = Math.Max(newest, SyscallTable.NumberOf(name, Architecture) ?? -1);
            }
        }

        return newest;
    }
}
