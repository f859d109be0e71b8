using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerKit.Images;

/// <summary>An image: its configuration, and its layers from the lowest to the topmost.</summary>
public sealed record ImageManifest
{
    /// <summary>The most layers of an image: an overlay of more cannot be mounted everywhere.</summary>
    internal const int MaxLayers = 500;

    /// <summary>Always 2.</summary>
    [JsonPropertyName("schemaVersion")]
    public required int SchemaVersion { get; init; }

    /// <summary>What the document says that it is.</summary>
    [JsonPropertyName("mediaType")]
    public string? MediaType { get; init; }

    /// <summary>The configuration.</summary>
    [JsonPropertyName("config")]
    public required BlobDescriptor Config { get; init; }

    /// <summary>The layers; there may be none.</summary>
    [JsonPropertyName("layers")]
    [AllowNull]
    public required IReadOnlyList<BlobDescriptor> Layers { get; init => field = value ?? []; }

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
    /// <exception cref="InvalidImageException">It is no manifest, or one that could be read in two ways.</exception>
    public static ImageManifest Parse(ReadOnlyMemory<byte> json) => Read(json, null, "manifest");

    /// <summary>The document, always the same bytes for the same content.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ImageJson.Default.ImageManifest);

    internal static ImageManifest Read(ReadOnlyMemory<byte> json, string? mediaType, string name)
    {
        var manifest = ImageDocument.Read(json, ImageJson.Default.ImageManifest, name);
        ImageDocument.RefuseNames(
            manifest.Unknown, "A manifest is no index as well.", name, "manifests", "fsLayers");
        ImageDocument.Require(
            manifest.SchemaVersion == 2, "Only version 2 can be read.", name, "schemaVersion",
            $"{manifest.SchemaVersion}");
        ImageDocument.CheckMediaType(manifest.MediaType, mediaType, MediaTypes.IsManifest, name);
        ImageDocument.Require(
            manifest.Layers.Count <= MaxLayers, $"An image has at most {MaxLayers} layers.", name, "layers",
            $"{manifest.Layers.Count}");
        manifest.Config.Check($"{name}, config");
        for (var i = 0; i < manifest.Layers.Count; i++)
        {
            manifest.Layers[i].Check($"{name}, layers[{i}]");
        }

        ImageDocument.RefuseNulls(manifest.Annotations, $"{name}, annotations");
        manifest.Subject?.Check($"{name}, subject");
        return manifest;
    }

    /// <summary>Refuses what is no image that can be unpacked here.</summary>
    internal void CheckIsImage(string name)
    {
        ImageDocument.Require(
            MediaTypes.IsConfig(Config.MediaType), "This is no container image.", $"{name}, config", "mediaType",
            Config.MediaType);
        for (var i = 0; i < Layers.Count; i++)
        {
            ImageDocument.Require(
                MediaTypes.CodecOf(Layers[i].MediaType) is not null, "A layer of this kind cannot be read here.",
                $"{name}, layers[{i}]", "mediaType", Layers[i].MediaType);
        }
    }
}
