using System.Runtime.InteropServices;

namespace ContainerKit;

/// <summary>Reads an entry of a profile's <c>syscalls</c>.</summary>
internal static class SeccompDocumentRule
{
    /// <summary>The rules that it is: none, where it is for other architectures, or several.</summary>
    public static IEnumerable<SeccompRule> Read(SeccompField call)
    {
        call.Object("names", "name", "action", "errnoRet", "errno", "args", "includes", "excludes", "comment");
        var (includes, excludes) = (call["includes"], call["excludes"]);
        includes?.Object("caps", "arches", "minKernel");
        excludes?.Object("caps", "arches", "minKernel");
        var architectures = Architectures(includes?["arches"], excludes?["arches"]);
        var action = SeccompNames.Action(call.Needed("action"), call["errnoRet"], call["errno"]);
        var rule = new SeccompRule(Names(call), action)
        {
            Architecture = architectures is [var only] ? only : null,
            Capabilities = Capabilities(includes?["caps"]),
            WithoutCapabilities = Capabilities(excludes?["caps"]),
            MinimumKernel = includes?["minKernel"] is { } first ? SeccompNames.Kernel(first) : null,
            BelowKernel = excludes?["minKernel"] is { } last ? SeccompNames.Kernel(last) : null,
        };
        var arguments = call["args"]?.Items().Select(Argument).ToList() ?? [];
        if (architectures.Count == 0)
        {
            return [];
        }

        // As runc has it: once an argument is there twice, each condition is a rule of its own.
        return arguments.DistinctBy(argument => argument.Index).Count() == arguments.Count
            ? [rule with { Arguments = arguments }]
            : arguments.Select(argument => rule with { Arguments = [argument] });
    }

    private static List<string> Names(SeccompField call)
    {
        call.Require(call["name"] is null || call["names"] is null, "has a name and names");
        if (call["name"] is { } name)
        {
            return [name.Text()];
        }

        var names = call.Needed("names");
        var list = names.Items().Select(item => item.Text()).Distinct().ToList();
        names.Require(list.Count > 0, "is empty");
        return list;
    }

    private static SeccompArgument Argument(SeccompField argument)
    {
        argument.Object("index", "value", "valueTwo", "op");
        var index = (int)argument.Needed("index").Number(SeccompArgument.Count - 1);
        var (op, value, second) = (argument.Needed("op"), argument.Needed("value").Number(), argument["valueTwo"]);
        if (SeccompNames.Comparison(op) is { } comparison)
        {
            second?.Require(second.Value.Number() == 0, "is for SCMP_CMP_MASKED_EQ");
            return new(index, comparison, value);
        }

        var wanted = second?.Number() ?? 0;
        second?.Require((wanted & ~value) == 0, "has bits that the mask, the value, has not");
        return new(index, SeccompComparison.Equal, wanted) { Mask = value };
    }

    /// <summary>Those of ours that a rule is for.</summary>
    private static List<Architecture> Architectures(SeccompField? includes, SeccompField? excludes)
    {
        var (only, never) = (List(includes), List(excludes));
        return [.. ((Architecture[])[Architecture.X64, Architecture.Arm64])
            .Where(own => (only.Count == 0 || only.Contains(own)) && !never.Contains(own))];

        static List<Architecture?> List(SeccompField? field) =>
            field?.Items().Select(SeccompNames.ConditionArchitecture).ToList() ?? [];
    }

    private static CapabilitySet Capabilities(SeccompField? field)
    {
        var set = CapabilitySet.None;
        foreach (var item in field?.Items() ?? [])
        {
            var isKnown = Enum.TryParse<Capability>(item.Text(), ignoreCase: true, out var capability)
                && item.Text().Equals($"{capability}", StringComparison.OrdinalIgnoreCase);
            item.Require(isKnown, "is no capability, such as CAP_SYS_ADMIN");
            set = set.With([capability]);
        }

        return set;
    }
}
