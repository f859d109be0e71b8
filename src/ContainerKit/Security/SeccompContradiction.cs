namespace ContainerKit;

/// <summary>
/// Two rules that say something else of the same call: a document's rules have no order, and what reads it may take
/// either. Where both are without arguments, all take the first: the profile that Podman ships says so of setns.
/// </summary>
internal static class SeccompContradiction
{
    /// <summary>The first call with such rules, and them; null where there is none.</summary>
    public static (string Call, SeccompRule First, SeccompRule Second)? Find(IReadOnlyList<SeccompRule> rules)
    {
        var rulesOfCalls = new Dictionary<string, List<SeccompRule>>();
        foreach (var rule in rules)
        {
            foreach (var call in rule.Calls)
            {
                if (!rulesOfCalls.TryGetValue(call, out var others))
                {
                    rulesOfCalls.Add(call, others = []);
                }

                if (others.Find(other => Contradict(other, rule)) is { } first)
                {
                    return (call, first, rule);
                }

                others.Add(rule);
            }
        }

        return null;
    }

    private static bool Contradict(SeccompRule first, SeccompRule second) =>
        first.Action != second.Action && first.Arguments.Count + second.Arguments.Count > 0
        && ApplyTogether(first, second) && FitTogether(first.Arguments, second.Arguments);

    private static bool ApplyTogether(SeccompRule first, SeccompRule second)
    {
        var with = first.Capabilities.With(second.Capabilities);
        var without = first.WithoutCapabilities.With(second.WithoutCapabilities);
        return with.Without(without) == with
            && (first.Architecture is null || second.Architecture is null || first.Architecture == second.Architecture)
            && !Ends(first.BelowKernel, second.MinimumKernel) && !Ends(second.BelowKernel, first.MinimumKernel);

        static bool Ends(Version? below, Version? minimum) =>
            below is not null && minimum is not null && below <= minimum;
    }

    /// <summary>Whether there are arguments of which all that both say holds.</summary>
    public static bool FitTogether(IEnumerable<SeccompArgument> first, IEnumerable<SeccompArgument> second) =>
        first.Concat(second).GroupBy(argument => argument.Index).All(said => CanHold([.. said]));

    /// <summary>Whether all can hold of one argument, of which only <c>==</c> has a mask.</summary>
    private static bool CanHold(IReadOnlyList<SeccompArgument> said)
    {
        var (least, most, mask, bits) = (0UL, ulong.MaxValue, 0UL, 0UL);
        var others = new HashSet<ulong>();
        foreach (var argument in said)
        {
            var value = argument.Value;
            switch (argument.Comparison)
            {
                case SeccompComparison.Equal when ((bits ^ value) & mask & argument.Mask) != 0:
                case SeccompComparison.Less when value == 0:
                case SeccompComparison.Greater when value == ulong.MaxValue:
                    return false;
                case SeccompComparison.Equal:
                    (mask, bits) = (mask | argument.Mask, bits | value);
                    break;
                case SeccompComparison.NotEqual:
                    others.Add(value);
                    break;
                case SeccompComparison.Less or SeccompComparison.LessOrEqual:
                    most = Math.Min(most, argument.Comparison is SeccompComparison.Less ? value - 1 : value);
                    break;
                default:
                    least = Math.Max(least, argument.Comparison is SeccompComparison.Greater ? value + 1 : value);
                    break;
            }
        }

        var found = WithBits(least, mask, bits);
        while (found is { } other && others.Contains(other))
        {
            found = other == ulong.MaxValue ? null : WithBits(other + 1, mask, bits);
        }

        return found <= most;
    }

    /// <summary>
    /// The least number from another on that has these bits where the mask has any; null if there is none.
    /// </summary>
    private static ulong? WithBits(ulong least, ulong mask, ulong bits)
    {
        if ((least & mask) == bits)
        {
            return least;
        }

        // Equal to it above one of its zeros, which becomes a one: at the lowest where that can be.
        for (var place = 0; place < 64; place++)
        {
            var (one, below) = (1UL << place, (1UL << place) - 1);
            var above = ~(below | one);
            if ((least & one) == 0 && ((mask & one) == 0 || (bits & one) != 0) && ((least ^ bits) & mask & above) == 0)
            {
                return (least & above) | one | (bits & below);
            }
        }

        return null;
    }
}
