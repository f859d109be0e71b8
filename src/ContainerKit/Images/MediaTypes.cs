namespace ContainerKit.Images;

/// <summary>
/// What the parts of an image say that they are; the media types of the OCI image specification, and Docker's.
/// </summary>
public static class MediaTypes
{
    /// <summary>A list of images, often of one for several platforms.</summary>
    public const string ImageIndex = "application/vnd.oci.image.index.v1+json";

    /// <summary>An image: its configuration and its layers.</summary>
    public const string ImageManifest = "application/vnd.oci.image.manifest.v1+json";

    /// <summary>An image's configuration.</summary>
    public const string ImageConfig = "application/vnd.oci.image.config.v1+json";

    /// <summary>A layer as a plain tar archive.</summary>
    public const string Layer = "application/vnd.oci.image.layer.v1.tar";

    /// <summary>A layer as a tar archive in gzip form.</summary>
    public const string GzipLayer = "application/vnd.oci.image.layer.v1.tar+gzip";

    /// <summary>A layer as a tar archive in zstd form.</summary>
    public const string ZstdLayer = "application/vnd.oci.image.layer.v1.tar+zstd";

    /// <summary>Docker's list of images.</summary>
    public const string DockerManifestList = "application/vnd.docker.distribution.manifest.list.v2+json";

    /// <summary>Docker's image manifest.</summary>
    public const string DockerManifest = "application/vnd.docker.distribution.manifest.v2+json";

    /// <summary>Docker's image configuration.</summary>
    public const string DockerConfig = "application/vnd.docker.container.image.v1+json";

    /// <summary>Docker's layer as a plain tar archive.</summary>
    public const string DockerLayer = "application/vnd.docker.image.rootfs.diff.tar";

    /// <summary>Docker's layer as a tar archive in gzip form.</summary>
    public const string DockerGzipLayer = "application/vnd.docker.image.rootfs.diff.tar.gzip";

    private const string Bzip2Layer = $"{Layer}+bzip2"; // which no specification has: of Docker's and root archives
    private const string OciUnshared = "application/vnd.oci.image.layer.nondistributable.v1.tar";
    private const string DockerForeign = "application/vnd.docker.image.rootfs.foreign.diff.tar";

    /// <summary>The media type of a layer in this form; that of bzip2 is our own.</summary>
    internal static string Of(Codec codec) => codec switch
    {
        Codec.None => Layer,
        Codec.Gzip => GzipLayer,
        Codec.Zstd => ZstdLayer,
        _ => Bzip2Layer,
    };

    /// <summary>A layer as manifests of OCI describe it, whoever described it before.</summary>
    internal static BlobDescriptor ToOci(BlobDescriptor layer) =>
        layer.MediaType.StartsWith("application/vnd.oci.", StringComparison.Ordinal) ? layer
        : layer with { MediaType = (CodecOf(layer.MediaType) is { } codec ? Of(codec) : null) ?? layer.MediaType };

    internal static bool IsIndex(string type) => type is ImageIndex or DockerManifestList;

    internal static bool IsManifest(string type) => type is ImageManifest or DockerManifest;

    internal static bool IsConfig(string type) => type is ImageConfig or DockerConfig;

    /// <summary>
    /// The codec that a layer's media type promises; null for what is no layer that can be read here.
    /// </summary>
    internal static Codec? CodecOf(string type) => type switch
    {
        Layer or DockerLayer or OciUnshared or DockerForeign => Codec.None,
        GzipLayer or DockerGzipLayer or $"{OciUnshared}+gzip" or $"{DockerForeign}.gzip" => Codec.Gzip,
        Bzip2Layer => Codec.Bzip2,
        ZstdLayer or $"{OciUnshared}+zstd" or $"{DockerLayer}.zstd" => Codec.Zstd,
        _ => null,
    };
}
