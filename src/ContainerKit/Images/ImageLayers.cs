using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerKit.Images;

/// <summary>The layers of an image.</summary>
public sealed record ImageLayers
{
    /// <summary>Always <c>layers</c>.</summary>
    [JsonPropertyName("type")]
    public required string Type { get; init; }

    /// <summary>The digests of the uncompressed archives, from the lowest layer to the topmost.</summary>
    [JsonPropertyName("diff_ids")]
    [AllowNull]
    public required IReadOnlyList<Digest> DiffIds { get; init => field = value ?? []; }

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Unknown { get; set; }
}

/// <summary>A step in the making of an image.</summary>
public sealed record ImageHistory
{
    /// <summary>When it was made.</summary>
    [JsonPropertyName("created")]
    public DateTimeOffset? CreatedAt { get; init; }

    /// <summary>What made it.</summary>
    [JsonPropertyName("created_by")]
    public string? CreatedBy { get; init; }

    /// <summary>Who made it.</summary>
    [JsonPropertyName("author")]
    public string? Author { get; init; }

    /// <summary>What is to be said about it.</summary>
    [JsonPropertyName("comment")]
    public string? Comment { get; init; }

    /// <summary>Whether it made no layer.</summary>
    [JsonPropertyName("empty_layer")]
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool EmptyLayer { get; init; }

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Unknown { get; set; }
}
