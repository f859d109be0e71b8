using System.Globalization;

namespace ContainerKit;

/// <summary>Refuses Landlock rules that this kernel cannot enforce, unless that is good enough.</summary>
internal static class LandlockCheck
{
    /// <summary>Throws when the rules cannot be meant, or a version of Landlock lacks something that must be.</summary>
    public static void Validate(LandlockRules rules, int version)
    {
        rules.Validate();
        if (rules.BestEffort || rules.Needs.All(feature => feature.Version <= version))
        {
            return;
        }

        throw new IsolationUnavailableException(version == 0
            ? [HostKernel.Landlock()]
            : [.. rules.Needs.Select(feature => Find(feature, version))]);
    }

    private static HostFinding Find(LandlockFeature feature, int version) =>
        HostFinding.Of($"Landlock: {feature.Name}", feature.Version <= version ? null : new(
            string.Create(CultureInfo.InvariantCulture,
                $"This kernel's Landlock has version {version}, and it came with version {feature.Version}."),
            $"Run Linux {feature.Kernel} or newer, restrict less, or let BestEffort leave it out."));
}
