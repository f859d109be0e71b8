using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerKit.Images;

/// <summary>A list of images, or of further lists; the image index of the OCI specification.</summary>
public sealed record ImageIndex
{
    private const int MaxManifests = 10_000;

    /// <summary>Always 2.</summary>
    [JsonPropertyName("schemaVersion")]
    public required int SchemaVersion { get; init; }

    /// <summary>What the document says that it is.</summary>
    [JsonPropertyName("mediaType")]
    public string? MediaType { get; init; }

    /// <summary>What it lists; there may be nothing.</summary>
    [JsonPropertyName("manifests")]
    [AllowNull]
    public required IReadOnlyList<BlobDescriptor> Manifests { get; init => field = value ?? []; }

    /// <summary>What is noted about it; null when nothing is.</summary>
    [JsonPropertyName("annotations")]
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>What it belongs to; null when to nothing.</summary>
    [JsonPropertyName("subject")]
    public BlobDescriptor? Subject { get; init; }

    /// <summary>The kind of an artifact that is no image.</summary>
    [JsonPropertyName("artifactType")]
    public string? ArtifactType { get; init; }

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Unknown { get; set; }

    /// <summary>Reads a document.</summary>
    /// <exception cref="InvalidImageException">It is no index, or one that could be read in two ways.</exception>
    public static ImageIndex Parse(ReadOnlyMemory<byte> json) => Read(json, null, "index");

    /// <summary>The document, always the same bytes for the same content.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ImageJson.Default.ImageIndex);

    internal static ImageIndex Read(ReadOnlyMemory<byte> json, string? mediaType, string name)
    {
        var index = ImageDocument.Read(json, ImageJson.Default.ImageIndex, name);
        ImageDocument.RefuseNames(
            index.Unknown, "An index is no manifest as well.", name, "layers", "config", "fsLayers");
        ImageDocument.Require(
            index.SchemaVersion == 2, "Only version 2 can be read.", name, "schemaVersion", $"{index.SchemaVersion}");
        ImageDocument.CheckMediaType(index.MediaType, mediaType, MediaTypes.IsIndex, name);
        ImageDocument.Require(
            index.Manifests.Count <= MaxManifests, $"An index lists at most {MaxManifests}.", name, "manifests",
            $"{index.Manifests.Count}");
        for (var i = 0; i < index.Manifests.Count; i++)
        {
            index.Manifests[i].Check($"{name}, manifests[{i}]");
        }

        ImageDocument.RefuseNulls(index.Annotations, $"{name}, annotations");
        index.Subject?.Check($"{name}, subject");
        return index;
    }
}
