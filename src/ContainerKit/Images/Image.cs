using ContainerKit.Images;

namespace ContainerKit;

/// <summary>An image of a store.</summary>
public sealed record Image
{
    /// <summary>The digest of its configuration, which is what Docker calls its id.</summary>
    public required Digest Id { get; init; }

    /// <summary>The digest of its manifest, which is what registries call it by.</summary>
    public required Digest Digest { get; init; }

    /// <summary>The names it bears in the store; may be none.</summary>
    public required IReadOnlyList<ImageReference> References { get; init; }

    /// <summary>Its configuration.</summary>
    public required ImageConfig Config { get; init; }

    /// <summary>How much its layers take as they are shipped.</summary>
    public required ByteSize Size { get; init; }

    /// <summary>The DiffIDs of its layers, the base first.</summary>
    public IReadOnlyList<Digest> Layers => Config.Layers.DiffIds;

    /// <summary>What its manifest says of its layers.</summary>
    internal IReadOnlyList<BlobDescriptor> Blobs { get; init; } = [];

    /// <inheritdoc/>
    public override string ToString() => References.Count > 0 ? References[0].Familiar : $"{Digest}";
}
