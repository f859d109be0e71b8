using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerKit.Images;

/// <summary>An image in the manifest.json of an archive that <c>docker save</c> made.</summary>
internal sealed record DockerArchiveItem
{
    [JsonPropertyName("Config")]
    public required string Config { get; init; }

    [JsonPropertyName("RepoTags")]
    public IReadOnlyList<string>? References { get; init; }

    [JsonPropertyName("Layers")]
    public IReadOnlyList<string>? Layers { get; init; }

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>
/// The description of one layer in the archives of Docker before 1.10, which had no image configuration.
/// </summary>
internal sealed record DockerLegacyConfig
{
    [JsonPropertyName("parent")]
    public string? Parent { get; init; }

    [JsonPropertyName("created")]
    public DateTimeOffset? CreatedAt { get; init; }

    [JsonPropertyName("author")]
    public string? Author { get; init; }

    [JsonPropertyName("architecture")]
    public string? Architecture { get; init; }

    [JsonPropertyName("os")]
    public string? OperatingSystem { get; init; }

    [JsonPropertyName("config")]
    public ImageDefaults? Defaults { get; init; }

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>The file that says that a directory is an OCI image layout.</summary>
internal sealed record OciLayoutFile
{
    [JsonPropertyName("imageLayoutVersion")]
    public required string Version { get; init; }
}
