namespace ContainerKit;

/// <summary>Files of version 2 by their names, of controllers that this library has no words for.</summary>
internal sealed class UnifiedFiles : CgroupController
{
    /// <summary>What stands for the controller's name: each file has its own.</summary>
    public override string Name => "of version 2";

    /// <inheritdoc/>
    public override bool IsInAllOfVersion2 => true;

    /// <inheritdoc/>
    public override string NameFor(CgroupLimits limits) =>
        $"of {string.Join(", ", limits.Unified.Select(pair => pair.Key))}";

    /// <summary>Complains about what is no limit.</summary>
    public static void Validate(string file, string text)
    {
        ArgumentException.ThrowIfNullOrEmpty(file);
        ArgumentNullException.ThrowIfNull(text);
        if (file.StartsWith("cgroup.", StringComparison.Ordinal) || !file.Contains('.', StringComparison.Ordinal)
            || file.Any(character => character is '/' || char.IsControl(character)) || file.StartsWith('.'))
        {
            throw new ArgumentException($"'{file}' is no file of a controller, such as hugetlb.2MB.max.");
        }
    }

    /// <summary>The controllers whose files they are.</summary>
    public static IEnumerable<string> ControllersOf(CgroupLimits limits) =>
        limits.Unified.Select(pair => pair.Key[..pair.Key.IndexOf('.', StringComparison.Ordinal)]);

    /// <inheritdoc/>
    public override bool Concerns(CgroupLimits limits) => limits.Unified.Count > 0;

    /// <inheritdoc/>
    public override void Write(CgroupDirectory directory, CgroupLimits limits)
    {
        foreach (var (file, text) in limits.Unified)
        {
            if (!directory.Has(file))
            {
                throw new LimitNotSupportedException(
                    $"There is no '{file}' in {directory.Path}: the kernel does not know it, or its controller is not "
                    + "enabled in cgroup.subtree_control above.");
            }

            directory.Write(file, text);
        }
    }

    /// <inheritdoc/>
    public override CgroupLimits Read(CgroupDirectory directory, CgroupLimits limits) => limits;
}
