using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerKit;

/// <summary>What a store writes down of a layer, beside it.</summary>
internal sealed record LayerMeta
{
    /// <summary>The name of the file, and of one beside it.</summary>
    public const string File = "layer.json", ImpliedFile = "implied";

    /// <summary>How much its files hold, as the archive has it.</summary>
    public required long Size { get; init; }

    /// <summary>How many entries the archive has.</summary>
    public required long Entries { get; init; }

    /// <summary>Whether it hides all layers below it.</summary>
    public bool IsOpaque { get; init; }

    /// <summary>Whether it says nothing of its root.</summary>
    public bool ImpliesRoot { get; init; }

    /// <summary>Whether there are other directories of which it says nothing but that something lies in them.</summary>
    public bool HasImplied { get; init; }

    /// <summary>Their paths, each with a NUL, which are written beside this.</summary>
    [JsonIgnore]
    public ReadOnlyMemory<byte> Implied { get; init; }

    /// <summary>
    /// The packed archive that it was unpacked from, which is known to hold this layer; null when unknown.
    /// </summary>
    public PackedLayer? Packed { get; init; }

    /// <summary>When it was put there.</summary>
    public DateTimeOffset StoredAt { get; init; }

    /// <summary>Reads what was written; null when it is none.</summary>
    public static LayerMeta? Parse(byte[] json)
    {
        try
        {
            return JsonSerializer.Deserialize(json, StoreJson.Default.LayerMeta);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>What is written.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, StoreJson.Default.LayerMeta);
}

/// <summary>A packed archive.</summary>
/// <param name="Digest">The digest of its bytes.</param>
/// <param name="Size">How many there are.</param>
/// <param name="Codec">The form it is packed in.</param>
internal sealed record PackedLayer(string Digest, long Size, string Codec);

/// <summary>The documents of a store.</summary>
[JsonSourceGenerationOptions(AllowDuplicateProperties = false, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(LayerMeta))]
[JsonSerializable(typeof(WritableMeta))]
internal sealed partial class StoreJson : JsonSerializerContext;
