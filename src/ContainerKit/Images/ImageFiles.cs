namespace ContainerKit.Images;

/// <summary>
/// The files an image consists of, in a directory or in an archive. Paths are those of its own documents.
/// </summary>
internal abstract class ImageFiles : IDisposable
{
    /// <summary>
    /// The most bytes that all documents of a place take, with what becomes of them, and the names in an archive.
    /// </summary>
    public const int MaxTotal = 32 << 20;

    private const int TokenSize = 64; // about what becomes of a few letters of a document, such as {} or "a"

    private long _total;

    /// <summary>What errors call it by.</summary>
    public abstract string Name { get; }

    /// <summary>Opens a file; null when there is none.</summary>
    /// <exception cref="InvalidImageException">
    /// It is no regular file, or is reached only in a way that leads out.
    /// </exception>
    public FileWindow? TryOpen(string path)
    {
        // A system call would end the name there.
        ImageDocument.Require(
            !path.Contains('\0', StringComparison.Ordinal), "No file has such a name.", ImageDocument.Printable(path),
            "path", path);
        return TryOpenNamed(path);
    }

    /// <summary>Opens a file that must be there.</summary>
    public FileWindow Open(string path) => TryOpen(path)
        ?? throw new InvalidImageException("A file of the image is missing.", entry: ImageDocument.Printable(path));

    /// <summary>Reads a document that must be there.</summary>
    public async Task<byte[]> ReadAsync(string path, CancellationToken cancellationToken) =>
        await TryReadAsync(path, cancellationToken).ConfigureAwait(false)
        ?? throw new InvalidImageException("A file of the image is missing.", entry: ImageDocument.Printable(path));

    /// <summary>Reads a document; null when there is none.</summary>
    public async Task<byte[]?> TryReadAsync(string path, CancellationToken cancellationToken)
    {
        using var file = TryOpen(path);
        if (file is null)
        {
            return null;
        }

        ImageDocument.CheckSize(file.Length, ImageDocument.Printable(path));
        var document = new byte[file.Length];
        var count = await file.ReadAtLeastAsync(document, document.Length, throwOnEndOfStream: false, cancellationToken)
            .ConfigureAwait(false);
        ImageDocument.Require(
            count == document.Length, "The file is cut off.", ImageDocument.Printable(path), "size",
            $"{count} of {document.Length}");
        return Counted(document, path);
    }

    /// <summary>Reads a document that a descriptor names, and checks that it is that one.</summary>
    public async Task<byte[]> ReadAsync(BlobDescriptor descriptor, string name, CancellationToken cancellationToken)
    {
        var document = descriptor.Data is { } data
            ? Counted(data.ToArray(), name)
            : await ReadAsync(PathOf(descriptor.Digest), cancellationToken).ConfigureAwait(false);
        ImageDocument.Require(
            document.Length == descriptor.Size, $"The document has {document.Length} bytes.", name, "size",
            $"{descriptor.Size}");
        var digest = BlobDescriptor.DigestOf(document, descriptor.Digest);
        return digest == descriptor.Digest ? document : throw new InvalidImageException(
            "The content has another digest.", $"{descriptor.Digest}", name, "digest", $"{digest}");
    }

    /// <summary>Where an OCI layout keeps a blob. A digest has no letter that could lead elsewhere.</summary>
    public static string PathOf(Digest digest) => $"blobs/{digest.Algorithm}/{digest.Hex}";

    /// <inheritdoc/>
    public abstract void Dispose();

    /// <summary>The same of a path without NUL.</summary>
    protected abstract FileWindow? TryOpenNamed(string path);

    /// <summary>Counts what is going to be kept in memory, and refuses what is too much altogether.</summary>
    protected void Count(long size, string entry)
    {
        _total += size;
        if (_total > MaxTotal)
        {
            throw new InvalidImageException(
                $"All documents of a place, and the names in an archive, take at most {MaxTotal} bytes together.",
                entry: entry, field: "size of all", value: $"over {MaxTotal}");
        }
    }

    private byte[] Counted(byte[] document, string name)
    {
        Count(document.Length + (TokenSize * (long)ImageDocument.CountTokens(document)), ImageDocument.Printable(name));
        return document;
    }
}
