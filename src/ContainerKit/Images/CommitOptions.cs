using ContainerKit.Images;

namespace ContainerKit;

/// <summary>
/// What an image says that is made of a writable layer; a value to keep, share and vary with <c>with</c>.
/// </summary>
public sealed record CommitOptions
{
    /// <summary>The name it bears, which another image loses; none unless said otherwise.</summary>
    public ImageReference? Reference { get; init; }

    /// <summary>
    /// The image of the store whose layers the writable layer lies over; null means the one that it was made for. It
    /// takes one only where the writable layer was made of layers, and not by
    /// <see cref="ImageStore.CreateWritableAsync"/>.
    /// </summary>
    public Image? Base { get; init; }

    /// <summary>
    /// What containers of it start with; null, the default, keeps what the image says that it is made of.
    /// </summary>
    public ImageDefaults? Defaults { get; init; }

    /// <summary>Who made it; null when nothing is to be said.</summary>
    public string? Author { get; init; }

    /// <summary>What is noted in its history; null when nothing is.</summary>
    public string? Comment { get; init; }

    /// <summary>What made it, in its history; null when nothing is to be said.</summary>
    public string? CreatedBy { get; init; }

    /// <summary>When it was made; now unless said otherwise.</summary>
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>
    /// How long the files of the layer may be together, holes included, which a layer has as zeros; 64 GiB unless said
    /// otherwise, as for <see cref="UnpackOptions.MaxLayerSize"/>.
    /// </summary>
    public ByteSize MaxLayerSize { get; init; } = ByteSize.GiB(64);
}
