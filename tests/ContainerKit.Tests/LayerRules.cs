namespace ContainerKit.Tests;

/// <summary>Which layer may use which: the table of the design, and nothing else.</summary>
internal static class LayerRules
{
    private static readonly Dictionary<string, string[]> MayUse = new()
    {
        ["Linux"] = [],
        ["Launch"] = ["Linux"],
        ["Namespaces"] = ["Linux", "Launch"],
        ["Mounts"] = ["Linux", "Launch"],
        ["Security"] = ["Linux", "Launch"],
        ["Cgroups"] = ["Linux", "Launch"],
        ["Networking"] = ["Linux", "Launch"],
        ["Layers"] = ["Linux", "Launch", "Namespaces", "Mounts"],
        ["Images"] = ["Linux", "Launch", "Namespaces", "Layers"],
        ["Container"] =
            ["Linux", "Launch", "Layers", "Namespaces", "Mounts", "Security", "Cgroups", "Networking", "Images"],
    };

    // A container is configured by an image; where images come from is not its business.
    private static readonly HashSet<string> ImageTypesForContainers = ["Image", "ImageConfig", "ImageDefaults"];

    public static bool IsLayer(string folder) => MayUse.ContainsKey(folder);

    public static bool Allow(string user, string usedLayer, string usedType) =>
        user == usedLayer
        || (MayUse.GetValueOrDefault(user, []).Contains(usedLayer)
            && (user != "Container" || usedLayer != "Images" || ImageTypesForContainers.Contains(usedType)));
}
