namespace ContainerKit;

/// <summary>How a store keeps its layers; a value to keep, share and vary with <c>with</c>.</summary>
public sealed record LayerStoreOptions
{
    /// <summary>
    /// Whether a layer, or what an image came in, is on the disk before it can be used, so that it is whole even after
    /// the machine lost its power; true unless said otherwise. A process that is killed leaves a whole store either
    /// way.
    /// </summary>
    public bool WritesThrough { get; init; } = true;

    /// <summary>
    /// Whose the files of an ordinary user's store are: <see cref="IdMap.Subordinate"/>, or other
    /// <see cref="IdMap.Ranges"/> that have this user and its group. Containers on its layers must have the same map.
    /// The store keeps it from its making on; null, the default, takes what it has. One that was made without has all
    /// files belong to its user, whoever owns them in the image. Root's files have the image's numbers: no map is for
    /// it.
    /// </summary>
    public IdMap? IdMap { get; init; }

    /// <summary>
    /// How new writable layers lie over their layers; null, the default, lets the kernel decide: as an overlay where it
    /// can mount one on the file system of the store, which is tried once, and as copies elsewhere.
    /// </summary>
    public WritableForm? Form { get; init; }

    /// <summary>
    /// Where the program is run from that gives files to ids of the map; from memory unless said otherwise.
    /// </summary>
    public Launcher Launcher { get; init; } = Launcher.Memory;
}
