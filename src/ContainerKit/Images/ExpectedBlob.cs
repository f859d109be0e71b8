using System.Security.Cryptography;

namespace ContainerKit.Images;

/// <summary>What is known of a blob before it is read; null is what nobody said.</summary>
internal sealed record ExpectedBlob(string Name)
{
    /// <summary>The digest of the packed bytes.</summary>
    public Digest? Digest { get; init; }

    /// <summary>The number of packed bytes.</summary>
    public long? Size { get; init; }

    /// <summary>What it says that it is.</summary>
    public string? MediaType { get; init; }

    /// <summary>The digest of the unpacked bytes.</summary>
    public Digest? DiffId { get; init; }

    /// <summary>What to call it by: its digest, or else that of the unpacked bytes.</summary>
    public Digest? AnyDigest => Digest ?? DiffId;

    /// <summary>What a descriptor says.</summary>
    public static ExpectedBlob Of(BlobDescriptor descriptor, string name) => new(name)
    {
        Digest = descriptor.Digest,
        Size = descriptor.Size,
        MediaType = descriptor.MediaType,
    };

    /// <summary>The hash to make for a digest; SHA-256 for one that is to be found.</summary>
    public static HashAlgorithmName AlgorithmOf(Digest? digest) =>
        digest?.Algorithm == "sha512" ? HashAlgorithmName.SHA512 : HashAlgorithmName.SHA256;

    public InvalidImageException Wrong(string message, string field, string value) =>
        new(message, AnyDigest?.ToString(), Name, field, value);
}

/// <summary>How large an unpacked layer may become, and what unpacking it may take.</summary>
internal sealed record BlobLimits
{
    /// <summary>The most unpacked bytes.</summary>
    public ByteSize MaxSize { get; init; } = ByteSize.GiB(64);

    /// <summary>The most unpacked bytes for each packed one, from <see cref="RatioFrom"/> on.</summary>
    public int MaxRatio { get; init; } = 250;

    /// <summary>So many unpacked bytes are harmless however small they were packed.</summary>
    public ByteSize RatioFrom { get; init; } = ByteSize.MiB(256);

    /// <summary>The most bytes that a zstd frame may look back: what unpacking it takes.</summary>
    public ByteSize MaxZstdWindow { get; init; } = ByteSize.MiB(8);
}
