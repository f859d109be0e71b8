using System.Diagnostics.CodeAnalysis;

namespace ContainerKit;

/// <summary>
/// What content is called by: <c>sha256:</c> and 64 lower-case hexadecimal digits, or <c>sha512:</c> and 128; the
/// descriptor part of the OCI image specification. A layer's DiffID is the digest of its uncompressed archive.
/// </summary>
public readonly record struct Digest
{
    private readonly string? _text;

    private Digest(string text) => _text = text;

    /// <summary>The name of the hash: <c>sha256</c> or <c>sha512</c>.</summary>
    public string Algorithm => Text[..Text.IndexOf(':', StringComparison.Ordinal)];

    /// <summary>The digits.</summary>
    public string Hex => Text[(Text.IndexOf(':', StringComparison.Ordinal) + 1)..];

    private string Text => _text ?? throw new InvalidOperationException("This digest is of nothing: default(Digest).");

    /// <summary>The digest that a hash gave.</summary>
    /// <exception cref="ArgumentException">It is not as long as one of SHA-256 or SHA-512.</exception>
    public static Digest FromHash(ReadOnlySpan<byte> hash) => hash.Length switch
    {
        32 => new($"sha256:{Convert.ToHexStringLower(hash)}"),
        64 => new($"sha512:{Convert.ToHexStringLower(hash)}"),
        _ => throw new ArgumentException($"A hash has 32 or 64 bytes, not {hash.Length}.", nameof(hash)),
    };

    /// <summary>Reads a digest of an algorithm that can be checked here.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static Digest Parse(string text) => TryParse(text, out var digest) ? digest : throw new FormatException(
        $"'{text}' is no digest: it takes sha256: and 64, or sha512: and 128 lower-case hexadecimal digits.");

    /// <summary>Reads a digest; false when it is none that can be checked here.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, out Digest digest)
    {
        var (prefix, length) = text?.StartsWith("sha512:", StringComparison.Ordinal) is true ? (7, 128) : (7, 64);
        var isDigest = text is not null && text.Length == prefix + length
            && (length == 128 || text.StartsWith("sha256:", StringComparison.Ordinal))
            && text.Skip(prefix).All(char.IsAsciiHexDigitLower);
        digest = isDigest ? new(text!) : default;
        return isDigest;
    }

    /// <inheritdoc/>
    public override string ToString() => _text ?? "";
}
