using System.Globalization;
using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Layers of a store below a writable one. All layers of the store come along as one mount, which is mapped once,
/// however many of them are used.
/// </summary>
internal sealed record LayersRoot(string Store, string Id, IReadOnlyList<Digest> Layers) : RootFilesystem
{
    /// <summary>Names in a store.</summary>
    public const string
        Lower = "layers", Writable = "writable", Files = "fs", Upper = "upper", Work = "work", Tree = "tree";

    /// <summary>Directories of a writable layer that lie over the layers, where these show them otherwise.</summary>
    public const string Laid = "laid";

    /// <summary>The lock of a writable layer, which the container's supervisor holds.</summary>
    public const string Lock = "lock";

    /// <summary>The most layers that the kernel lays over each other, but for what is laid over them.</summary>
    public const int Most = 499;

    private const string Written = "changes"; // where a writable layer is mounted

    /// <inheritdoc/>
    public override string ToString() => $"WritableLayer(\"{Id}\")";

    internal override bool IsWritable => true;

    /// <summary>The map that files of the store need; null when any will do.</summary>
    public IdMap? Ids { get; init; }

    /// <summary>
    /// Whether overlayfs takes layers one by one, as from Linux 6.7 on; before, all their names together are one short
    /// text.
    /// </summary>
    public bool AreNamedEach { get; init; } = Environment.OSVersion.Version >= new Version(6, 7);

    /// <summary>Whether the writable one is a copy of the others.</summary>
    public bool IsCopy { get; init; }

    /// <summary>Whether the changes have a file system of their own.</summary>
    public bool IsLimited { get; init; }

    /// <summary>Whether something is laid over the layers.</summary>
    public bool HasLaid { get; init; }

    /// <summary>What a container on it holds.</summary>
    private OpenChanges? Changes { get; init; }

    /// <summary>What is known of the layers' names; null when nothing is.</summary>
    public LayerNames? Names { get; init; }

    private string WritablePath => $"{Store}/{Writable}/{Id}";

    /// <summary>
    /// The layers from the topmost on, and their paths. What a layer shows that comes twice, it shows where it is
    /// higher.
    /// </summary>
    private (Digest Layer, string Path)[] Lowers { get; } =
        [.. Layers.Reverse().Distinct().Select(diffId => (diffId, $"{NameOf(diffId)}/{Files}"))];

    /// <summary>The path of a layer below those of a store.</summary>
    public static string NameOf(Digest diffId) => $"{diffId.Algorithm}/{diffId.Hex}";

    internal override (RootFilesystem Root, IDisposable? Held) Open()
    {
        using var writable = OpenWritable();
        var taken = Take(writable) ?? throw new ArgumentException(
            $"The writable layer '{Id}' takes the changes of another container: wait until that is gone, or fork it.");
        try
        {
            if (!IsStillThere(writable))
            {
                throw WasDiscarded();
            }

            var changes = new OpenChanges(taken, IsLimited ? LimitedDisk.Attach(writable) : null);
            return (this with { Changes = changes }, changes);
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Opens the writable layer, where the changes are, or the copy.</summary>
    internal override SafeFileHandle OpenForLookup()
    {
        var writable = OpenWritable();
        if (!IsLimited && !IsCopy)
        {
            return writable;
        }

        using (writable)
        {
            return IsCopy ? Syscall.OpenEntry(writable, StoreDirectory.Bytes(Tree), OpenFlags.O_PATH)
                : Changes?.OpenDisk() ?? LimitedDisk.Mount(writable, readOnly: true);
        }
    }

    private SafeFileHandle OpenWritable()
    {
        using var store = Syscall.Open(Store, OpenFlags.O_PATH);
        try
        {
            return Syscall.OpenEntry(store, StoreDirectory.Bytes($"{Writable}/{Id}"), OpenFlags.O_PATH);
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT)
        {
            throw WasDiscarded();
        }
    }

    private LockedFile? Take(SafeFileHandle writable)
    {
        try
        {
            return LockedFile.TryTake(writable, Lock);
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT)
        {
            throw WasDiscarded(); // since it was opened
        }
    }

    private LinuxException WasDiscarded() => new(
        "open", Errno.ENOENT, WritablePath, "The writable layer was discarded: make another.");

    internal override SafeFileHandle FindForLookup(SafeFileHandle directory, string path)
    {
        if (IsCopy)
        {
            return base.FindForLookup(directory, path);
        }

        using var store = Syscall.Open($"{Store}/{Lower}", OpenFlags.O_PATH);
        using var lookup = new LayerLookup();
        lookup.Add(directory, Upper);
        lookup.Add(directory, Laid); // where it is
        foreach (var (layer, files) in Lowers)
        {
            lookup.Add(store, files, name => Names?.MayHave(layer, name) is not false);
        }

        return lookup.Find(path);
    }

    internal override Descriptor AddTo(LaunchPlan plan, ContainerIdentity identity)
    {
        if (Changes is not null)
        {
            plan.Hold(Changes.Lease);
        }

        if (IsCopy)
        {
            return OverlayLayers.Clone(
                plan, $"{WritablePath}/{Tree}", OverlayLayers.Attributes, mapsIds: plan.MapsIds && Ids is null);
        }

        var lowers = Lowers.Select(lower => $"{Lower}/{lower.Path}").ToList();
        lowers.InsertRange(0, HasLaid ? [$"{Written}/{Laid}"] : []);
        var links = AreNamedEach ? 0 : lowers.Count;
        var layers = OverlayLayers.Begin(plan, ByteSize.KiB(4 * (64 + (2 * links)))); // a page for each link
        OverlayLayers.Add(plan, layers, Lower, $"{Store}/{Lower}");
        if (IsLimited)
        {
            OverlayLayers.AddDisk(plan, layers, Written, LimitedDisk.Type, Changes?.Disk ?? "/dev/loop0");
        }
        else
        {
            OverlayLayers.Add(plan, layers, Written, WritablePath);
        }

        var lower = AreNamedEach
            ? string.Join(',', lowers.Select(path => $"lowerdir+={path}")) : AddLinks(plan, layers, lowers);
        return OverlayLayers.Join(plan, layers, $"{lower},upperdir={Written}/{Upper},workdir={Written}/{Work}");
    }

    internal override void Fill(LaunchPlan plan, Descriptor root, ContainerIdentity identity)
    {
        foreach (var name in EmptyRoot.SystemDirectories)
        {
            plan.Pivoted.MakeDirectory(root, name, 0x1ED, mayExist: true); // 0755
        }
    }

    private static string AddLinks(LaunchPlan plan, Descriptor layers, List<string> paths)
    {
        for (var i = 0; i < paths.Count; i++)
        {
            plan.Root.MakeLink(paths[i], layers, NumberOf(i));
        }

        return $"lowerdir={string.Join(':', Enumerable.Range(0, paths.Count).Select(NumberOf))}";
    }

    /// <summary>Whether it was not discarded before it was locked, and perhaps made anew.</summary>
    private bool IsStillThere(SafeFileHandle locked)
    {
        using var found = OpenWritable();
        return Syscall.Status(found).Inode == Syscall.Status(locked).Inode;
    }

    private static string NumberOf(int index) => index.ToString(CultureInfo.InvariantCulture);
}
