using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerKit.Images;

/// <summary>An image's configuration: what it runs on, what it starts with, and which layers it consists of.</summary>
public sealed record ImageConfig
{
    /// <summary>When the image was made; null when nothing is said.</summary>
    [JsonPropertyName("created")]
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>Who made it.</summary>
    [JsonPropertyName("author")]
    public string? Author { get; init; }

    /// <summary>The kind of processor it runs on, such as <c>amd64</c>.</summary>
    [JsonPropertyName("architecture")]
    public required string Architecture { get; init; }

    /// <summary>The form of the processor, such as <c>v8</c>.</summary>
    [JsonPropertyName("variant")]
    public string? Variant { get; init; }

    /// <summary>The operating system it runs on.</summary>
    [JsonPropertyName("os")]
    public required string OperatingSystem { get; init; }

    /// <summary>What a container starts with unless told otherwise; null when nothing is said.</summary>
    [JsonPropertyName("config")]
    public ImageDefaults? Defaults { get; init; }

    /// <summary>The layers.</summary>
    [JsonPropertyName("rootfs")]
    public required ImageLayers Layers { get; init; }

    /// <summary>How it came to be, from the oldest step to the last.</summary>
    [JsonPropertyName("history")]
    public IReadOnlyList<ImageHistory>? History { get; init; }

    /// <summary>What the image runs on.</summary>
    [JsonIgnore]
    public Platform Platform =>
        new() { Architecture = Architecture, OperatingSystem = OperatingSystem, Variant = Variant };

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Unknown { get; set; }

    /// <summary>Reads a document.</summary>
    /// <exception cref="InvalidImageException">It is no configuration of an image.</exception>
    public static ImageConfig Parse(ReadOnlyMemory<byte> json) => Read(json, "config");

    /// <summary>The document, always the same bytes for the same content.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, ImageJson.Default.ImageConfig);

    internal static ImageConfig Read(ReadOnlyMemory<byte> json, string name)
    {
        var config = ImageDocument.Read(json, ImageJson.Default.ImageConfig, name);
        ImageDocument.Require(
            config.Layers.Type == "layers", "A root filesystem consists of layers.", $"{name}, rootfs", "type",
            config.Layers.Type);
        ImageDocument.Require(
            config.Layers.DiffIds.Count <= ImageManifest.MaxLayers,
            $"An image has at most {ImageManifest.MaxLayers} layers.",
            $"{name}, rootfs", "diff_ids", $"{config.Layers.DiffIds.Count}");
        config.Defaults?.Check($"{name}, config");
        return config;
    }
}
