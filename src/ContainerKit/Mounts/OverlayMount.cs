using System.Globalization;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Directories of the host laid over each other; overlayfs. Without <see cref="Upper"/> it is read-only. As root, what
/// belongs to the container's user's number on disk is that user's own.
/// </summary>
public sealed record OverlayMount : Mount
{
    private const int Most = 24;

    /// <summary>Shows <paramref name="lowerDirectories"/>, the topmost first, at <paramref name="target"/>.</summary>
    public OverlayMount(IReadOnlyList<string> lowerDirectories, string target)
        : base(target) => LowerDirectories = lowerDirectories;

    /// <summary>
    /// 1 to 24 absolute paths of directories on the host, the topmost first, which are not changed; at least two
    /// without <see cref="Upper"/>.
    /// </summary>
    public IReadOnlyList<string> LowerDirectories { get; init; }

    /// <summary>
    /// The absolute path of a directory on the host that takes the changes; none unless said otherwise. It serves one
    /// container at a time.
    /// </summary>
    public string? Upper { get; init; }

    /// <summary>
    /// The absolute path of a directory that overlayfs works in, needed with <see cref="Upper"/>: both lie in one
    /// directory, on one file system, which is closed to other users.
    /// </summary>
    public string? Work { get; init; }

    internal override void Validate()
    {
        base.Validate();
        Check(LowerDirectories is { Count: > 0 and <= Most }, $"An overlay has 1 to {Most} lower directories.");
        foreach (var lower in LowerDirectories)
        {
            HostPath.Validate(lower, "lower directory");
        }

        Check((Upper is null) == (Work is null), "An overlay has both an Upper and a Work directory, or neither.");
        if (Upper is null || Work is null)
        {
            Check(LowerDirectories.Count > 1,
                "An overlay of one lower directory without Upper is that directory: use a BindMount.");
            return;
        }

        HostPath.Validate(Upper, "upper directory");
        HostPath.Validate(Work, "work directory");
        var parent = Parent(Upper);
        Check(parent is not null && parent == Parent(Work) && Name(Upper) != Name(Work),
            "Upper and Work are two directories in one.");
        Check(IsPlain(Name(Upper)) && IsPlain(Name(Work)), "Upper and Work end with the names of directories.");
        OverlayLayers.CheckClosed(parent!);
    }

    /// <inheritdoc/>
    public override string ToString() =>
        $"OverlayMount {{ Target = {Target}, LowerDirectories = {string.Join(':', LowerDirectories)}, "
        + $"Upper = {Upper}, Work = {Work} }}";

    internal override Descriptor AddTo(LaunchPlan plan, Descriptor root)
    {
        var layers = OverlayLayers.Begin(plan, ByteSize.KiB(256));
        var lower = LowerDirectories.Select((path, index) => AddLower(plan, layers, path, index));
        var options = $"lowerdir={string.Join(':', lower)}";
        if (Upper is not null)
        {
            OverlayLayers.Add(plan, layers, "changes", Parent(Upper)!);
            plan.Root.MakeLink($"changes/{Name(Upper)}", layers, "upper"); // whatever characters its name has
            plan.Root.MakeLink($"changes/{Name(Work!)}", layers, "work");
            options += ",upperdir=upper,workdir=work";
        }

        var tree = OverlayLayers.Join(plan, layers, options, Upper is null ? MountAttributes.MOUNT_ATTR_RDONLY : 0);
        return Attach(plan, root, tree, isDirectory: true);
    }

    private static string AddLower(LaunchPlan plan, Descriptor layers, string path, int index)
    {
        var name = index.ToString(CultureInfo.InvariantCulture);
        OverlayLayers.Add(plan, layers, name, path);
        return name;
    }

    private static string? Parent(string path) => Path.GetDirectoryName(path.TrimEnd('/'));

    private static string Name(string path) => Path.GetFileName(path.TrimEnd('/'));

    private static bool IsPlain(string name) => name is not ("" or "." or "..");

    private static void Check(bool holds, string complaint)
    {
        if (!holds)
        {
            throw new ArgumentException(complaint);
        }
    }
}
