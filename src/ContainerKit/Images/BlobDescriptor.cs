using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerKit.Images;

/// <summary>Names a part of an image: what it is, its digest, and its size.</summary>
public sealed record BlobDescriptor
{
    /// <summary>What it is, such as <see cref="MediaTypes.GzipLayer"/>.</summary>
    [JsonPropertyName("mediaType")]
    public required string MediaType { get; init; }

    /// <summary>The digest of its bytes.</summary>
    /// <exception cref="InvalidImageException">
    /// It was read, and is of an algorithm that cannot be checked here.
    /// </exception>
    [JsonIgnore]
    public Digest Digest
    {
        get => Digest.TryParse(DigestText, out var digest) ? digest : throw new InvalidImageException(
            "A digest of an algorithm that is not known here cannot be trusted: it takes sha256 or sha512.",
            field: "digest", value: ImageDocument.Printable(DigestText));
        init => DigestText = value.ToString();
    }

    /// <summary>The number of its bytes.</summary>
    [JsonPropertyName("size")]
    public required long Size { get; init; }

    /// <summary>Where else it may be had; null when nothing is said.</summary>
    [JsonPropertyName("urls")]
    public IReadOnlyList<string>? Urls { get; init; }

    /// <summary>What is noted about it: data, never instructions; null when nothing is.</summary>
    [JsonPropertyName("annotations")]
    public IReadOnlyDictionary<string, string>? Annotations { get; init; }

    /// <summary>The bytes themselves, where they are given along.</summary>
    [JsonPropertyName("data")]
    public ReadOnlyMemory<byte>? Data { get; init; }

    /// <summary>What the image runs on; null when nothing is said.</summary>
    [JsonPropertyName("platform")]
    public Platform? Platform { get; init; }

    /// <summary>The kind of an artifact that is no image.</summary>
    [JsonPropertyName("artifactType")]
    public string? ArtifactType { get; init; }

    // As it was read: a list may name what this code cannot check, as long as nobody needs it. Missing, it is empty.
    [JsonInclude, JsonPropertyName("digest")]
    [AllowNull]
    internal string DigestText { get => field ?? ""; init; }

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Unknown { get; set; }

    internal void Check(string entry)
    {
        ImageDocument.Require(IsDigest(DigestText), "This is no digest.", entry, "digest", DigestText);
        ImageDocument.Require(Size >= 0, "A size is not negative.", entry, "size", $"{Size}");
        ImageDocument.Require(MediaType.Length > 0, "A media type is not empty.", entry, "mediaType", MediaType);
        ImageDocument.RefuseNulls(Annotations, $"{entry}, annotations");
        if (Data is { } data && Digest.TryParse(DigestText, out var digest))
        {
            ImageDocument.Require(
                data.Length == Size, "The data given along is not of this size.", entry, "size", $"{Size}");
            ImageDocument.Require(
                DigestOf(data.Span, digest) == digest, "The data given along has another digest.", entry, "digest",
                DigestText);
        }
    }

    /// <summary>The digest of bytes, by the algorithm of another.</summary>
    internal static Digest DigestOf(ReadOnlySpan<byte> bytes, Digest like) => Digest.FromHash(
        like.Algorithm == "sha512" ? SHA512.HashData(bytes) : SHA256.HashData(bytes));

    // The grammar of the specification, with lower-case digits only for the algorithms it registers.
    private static bool IsDigest(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon < 0 || text.StartsWith("sha256:", StringComparison.Ordinal)
            || text.StartsWith("sha512:", StringComparison.Ordinal))
        {
            return Digest.TryParse(text, out _);
        }

        return text.Length <= 512 && text.Length > colon + 1
            && text[(colon + 1)..].All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '=' or '_' or '-')
            && text[..colon].Split('+', '.', '_', '-').All(
                part => part.Length > 0
                && part.All(letter => char.IsAsciiLetterLower(letter) || char.IsAsciiDigit(letter)));
    }
}
