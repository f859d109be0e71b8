using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>
/// The blobs of a store's images, as an OCI layout keeps them. A blob that is there is whole: it was written under
/// another name, verified, and renamed.
/// </summary>
internal sealed class BlobStore(StoreDirectory images) : IDisposable
{
    private const string Temporary = ".new-";

    private readonly StoreDirectory _blobs = images.Make("blobs", StoreDirectory.Closed);

    /// <summary>Whether a blob is there.</summary>
    public bool Has(Digest digest) => _blobs.Has(NameOf(digest));

    /// <summary>How long a blob is that is there.</summary>
    public long LengthOf(Digest digest)
    {
        using var file = Open(digest);
        return file.Length;
    }

    /// <summary>Opens a blob.</summary>
    /// <exception cref="InvalidImageException">It is not there.</exception>
    public FileWindow Open(Digest digest)
    {
        if (!Has(digest))
        {
            throw new InvalidImageException("A blob of the store is missing.", $"{digest}");
        }

        var file = Syscall.OpenEntry(_blobs.Handle, StoreDirectory.Bytes(NameOf(digest)), OpenFlags.O_RDONLY);
        return new(file, 0, (long)Syscall.Status(file).Size, ownsFile: true);
    }

    /// <summary>Reads a document that is there, and verifies it.</summary>
    public byte[] Read(Digest digest)
    {
        using var file = Open(digest);
        ImageDocument.CheckSize(file.Length, $"{digest}");
        var document = new byte[file.Length];
        file.ReadExactly(document);
        return BlobDescriptor.DigestOf(document, digest) == digest ? document : throw new InvalidImageException(
            "A blob of the store was changed from outside.", $"{digest}");
    }

    /// <summary>Keeps a document, and gives its digest.</summary>
    public Digest Write(ReadOnlySpan<byte> document)
    {
        var digest = Digest.FromHash(System.Security.Cryptography.SHA256.HashData(document));
        if (!Has(digest))
        {
            using var blob = Begin();
            blob.Content.Write(document);
            Keep(blob, digest);
        }

        return digest;
    }

    /// <summary>Begins a blob whose digest is not known yet.</summary>
    public NewBlob Begin()
    {
        var name = $"{Temporary}{Guid.NewGuid():N}";
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_EXCL | OpenFlags.O_WRONLY;
        return new(_blobs, name, Syscall.OpenEntry(_blobs.Handle, StoreDirectory.Bytes(name), flags, 0x180)); // 0600
    }

    /// <summary>Keeps what was written, which has been verified.</summary>
    public void Keep(NewBlob blob, Digest digest)
    {
        using var kind = _blobs.Make(digest.Algorithm, StoreDirectory.Closed);
        blob.IsKept = _blobs.TryMove(blob.Name, kind, digest.Hex);
    }

    /// <summary>
    /// Removes all blobs but some, and what processes left that were killed; nobody else may use the store.
    /// </summary>
    public void RemoveAllBut(IReadOnlySet<Digest> kept)
    {
        foreach (var algorithm in _blobs.Names())
        {
            if (algorithm.StartsWith(Temporary, StringComparison.Ordinal))
            {
                Syscall.TryUnlink(_blobs.Handle, StoreDirectory.Bytes(algorithm));
                continue;
            }

            using var kind = _blobs.Open(algorithm);
            foreach (var hex in kind.Names())
            {
                if (!Digest.TryParse($"{algorithm}:{hex}", out var digest) || !kept.Contains(digest))
                {
                    Syscall.TryUnlink(kind.Handle, StoreDirectory.Bytes(hex));
                }
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _blobs.Dispose();

    private static string NameOf(Digest digest) => $"{digest.Algorithm}/{digest.Hex}";
}

/// <summary>A blob that is being written; disposing removes it unless it was kept.</summary>
internal sealed class NewBlob(StoreDirectory blobs, string name, SafeFileHandle file) : IDisposable
{
    /// <summary>What it is called meanwhile.</summary>
    public string Name => name;

    /// <summary>Where it is written to.</summary>
    public Stream Content { get; } = new FileOutput(file);

    /// <summary>Whether it has its own name now.</summary>
    public bool IsKept { get; set; }

    /// <inheritdoc/>
    public void Dispose()
    {
        Content.Dispose();
        if (!IsKept)
        {
            Syscall.TryUnlink(blobs.Handle, StoreDirectory.Bytes(name));
        }
    }
}
