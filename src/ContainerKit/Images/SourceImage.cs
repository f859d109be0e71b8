namespace ContainerKit.Images;

/// <summary>
/// An image where it comes from: nothing of it has been unpacked, and its layers have not been verified.
/// </summary>
internal sealed record SourceImage
{
    /// <summary>What errors call it by; printable.</summary>
    public required string Name { get; init; }

    /// <summary>The names it bears there; often none.</summary>
    public IReadOnlyList<ImageReference> References { get; init; } = [];

    /// <summary>The tag it has there without a name.</summary>
    public string? Tag { get; init; }

    /// <summary>What it runs on.</summary>
    public required Platform Platform { get; init; }

    /// <summary>
    /// The manifest's descriptor and bytes, verified; null where there was none, as in Docker's archives.
    /// </summary>
    public (BlobDescriptor Descriptor, byte[] Json)? Manifest { get; init; }

    /// <summary>The configuration's bytes, verified where a digest was given; null where there was none.</summary>
    public byte[]? Config { get; init; }

    /// <summary>The layers, from the lowest to the topmost.</summary>
    public required IReadOnlyList<SourceLayer> Layers { get; init; }

    /// <summary>What is known of a configuration that is still to be made.</summary>
    public ImageConfig? Draft { get; init; }

    /// <summary>What tells it from others in its place.</summary>
    public IEnumerable<string> Names => Tag is null ? References.Select(name => $"{name}") : [Tag];

    /// <summary>Whether a name means it; one that has only a tag is meant by any name with that.</summary>
    public bool IsMeantBy(ImageReference name)
    {
        var digest = Manifest?.Descriptor.Digest;
        return name.IsOf(References, digest)
            || (Tag is not null && name.Tag == Tag && (name.Digest ?? digest) == digest);
    }

    /// <inheritdoc/>
    public override string ToString() => Names.Any() ? string.Join(", ", Names) : Name;

    /// <summary>
    /// The configuration, once the layers' DiffIDs have been found: the image's own, or the draft with them.
    /// </summary>
    public byte[] CompleteConfig(IReadOnlyList<Digest> diffIds) => Config ?? (Draft! with
    {
        Layers = new() { Type = "layers", DiffIds = diffIds },
    }).ToJson();
}

/// <summary>
/// A layer where it comes from: what is said of it, and how to read its packed bytes from their beginning.
/// </summary>
internal sealed record SourceLayer(ExpectedBlob Expected, Func<Stream> Open);
