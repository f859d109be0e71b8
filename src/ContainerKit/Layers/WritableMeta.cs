using System.Text.Json;

namespace ContainerKit;

/// <summary>What a store writes down of a writable layer, in its directory.</summary>
internal sealed record WritableMeta
{
    /// <summary>The name of the file.</summary>
    public const string File = "writable.json";

    /// <summary>The layers below, the base first.</summary>
    public required string[] Layers { get; init; }

    /// <summary>What it was made of, in the words of who made it; null when nothing was said.</summary>
    public string? Origin { get; init; }

    /// <summary>Whether it is a copy of the layers, and not what lies over them.</summary>
    public bool IsCopy { get; init; }

    /// <summary>The id of the host that is 0 in a copy; null when its owners are as in the layers.</summary>
    public uint? FirstId { get; init; }

    /// <summary>How many bytes it may hold; null when it is no file system of its own.</summary>
    public long? SizeLimit { get; init; }

    /// <summary>Whether directories are laid over the layers, which these show otherwise than they say.</summary>
    public bool HasLaid { get; init; }

    /// <summary>Whether it goes with the process that made it and the container on it.</summary>
    public bool IsTemporary { get; init; }

    /// <summary>When it was made.</summary>
    public DateTimeOffset CreatedAt { get; init; }

    /// <summary>Reads what was written; null when it is none.</summary>
    public static WritableMeta? Parse(byte[] json)
    {
        try
        {
            var meta = JsonSerializer.Deserialize(json, StoreJson.Default.WritableMeta);
            return meta?.Layers?.All(layer => Digest.TryParse(layer, out _)) is true ? meta : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>What is written.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, StoreJson.Default.WritableMeta);
}
