using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>
/// The blobs of a store's images, as an OCI layout keeps them. A blob that is there is whole: it was written under
/// another name, verified, and renamed.
/// </summary>
internal sealed class BlobStore(StoreDirectory images) : IDisposable
{
    private readonly StoreDirectory _blobs = images.Make("blobs", StoreDirectory.Closed);

    /// <summary>Whether a blob is there.</summary>
    public bool Has(Digest digest) => _blobs.Has(NameOf(digest));

    /// <summary>Opens a blob.</summary>
    /// <exception cref="InvalidImageException">It is not there.</exception>
    public FileWindow Open(Digest digest)
    {
        SafeFileHandle file;
        try
        {
            file = Syscall.OpenEntry(
                _blobs.Handle, StoreDirectory.Bytes(NameOf(digest)), OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK);
        }
        catch (LinuxException missing)
            when (missing.Errno is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP or Errno.EXDEV or Errno.ENXIO)
        {
            throw Damaged("A blob of the store is missing.", digest);
        }

        var status = Syscall.Status(file);
        if (status.IsRegularFile)
        {
            return new(file, 0, (long)status.Size, ownsFile: true);
        }

        file.Dispose();
        throw Damaged("A blob of the store is no regular file.", digest);
    }

    /// <summary>Opens a blob that is verified as it is read.</summary>
    public Stream OpenVerified(Digest digest) => new VerifyingStream(Open(digest), digest);

    /// <summary>What is wrong with a blob that is there; null when nothing is.</summary>
    public string? FaultOf(Digest digest, CancellationToken cancellationToken)
    {
        try
        {
            using var content = OpenVerified(digest);
            var buffer = new byte[BlobInput.BufferSize];
            while (content.Read(buffer) > 0)
            {
                cancellationToken.ThrowIfCancellationRequested();
            }

            return null;
        }
        catch (InvalidImageException damaged)
        {
            return damaged.Message;
        }
        catch (LinuxException refused) when (refused.Errno is not (Errno.EMFILE or Errno.ENFILE or Errno.ENOMEM))
        {
            return refused.Message; // those say nothing of the blob
        }
    }

    /// <summary>Reads a document that is there, and verifies it.</summary>
    public byte[] Read(Digest digest)
    {
        using var file = Open(digest);
        ImageDocument.CheckSize(file.Length, $"{digest}");
        var document = new byte[file.Length];
        file.ReadExactly(document);
        return BlobDescriptor.DigestOf(document, digest) == digest ? document
            : throw Damaged("A blob of the store was changed from outside.", digest);
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
    public NewFile Begin() => NewFile.Begin(_blobs);

    /// <summary>Keeps what was written, which has been verified.</summary>
    public void Keep(NewFile blob, Digest digest)
    {
        using var kind = _blobs.Make(digest.Algorithm, StoreDirectory.Closed);
        blob.Keep(kind, digest.Hex);
    }

    /// <summary>
    /// Removes all blobs but some, and what processes left that were killed; nobody else may use the store.
    /// </summary>
    public void RemoveAllBut(IReadOnlySet<Digest> kept)
    {
        foreach (var name in _blobs.Names().Where(IsTemporary))
        {
            Syscall.TryUnlink(_blobs.Handle, StoreDirectory.Bytes(name));
        }

        foreach (var blob in List())
        {
            if (!kept.Contains(blob.Digest.GetValueOrDefault()))
            {
                blob.Remove();
            }
        }
    }

    /// <summary>What lies there; each can be removed until the next one is listed.</summary>
    public IEnumerable<StoredBlob> List()
    {
        foreach (var algorithm in _blobs.Names().Where(name => !IsTemporary(name)))
        {
            using var kind = TryOpenDirectory(algorithm);
            if (kind is null)
            {
                yield return new(_blobs, algorithm, $"blobs/{algorithm}", null);
                continue;
            }

            foreach (var hex in kind.Names())
            {
                Digest? digest = Digest.TryParse($"{algorithm}:{hex}", out var parsed) ? parsed : null;
                yield return new(kind, hex, $"blobs/{algorithm}/{hex}", digest);
            }
        }
    }

    /// <summary>Says what is wrong with a blob, and what to do.</summary>
    public static InvalidImageException Damaged(string problem, Digest digest) => new(
        $"{problem} ImageStore.CheckAsync repairs the store: its images can be loaded again then.", $"{digest}");

    /// <inheritdoc/>
    public void Dispose() => _blobs.Dispose();

    private StoreDirectory? TryOpenDirectory(string name)
    {
        try
        {
            return _blobs.Open(name);
        }
        catch (LinuxException other) when (other.Errno is Errno.ENOTDIR or Errno.ELOOP or Errno.EXDEV or Errno.ENXIO)
        {
            return null;
        }
    }

    private static bool IsTemporary(string name) => name.StartsWith(NewFile.Prefix, StringComparison.Ordinal);

    private static string NameOf(Digest digest) => $"{digest.Algorithm}/{digest.Hex}";
}

/// <summary>What lies in the place of a blob; it has no digest when its name is none.</summary>
internal readonly record struct StoredBlob(StoreDirectory Directory, string Name, string Path, Digest? Digest)
{
    /// <summary>Removes it, whatever it is.</summary>
    public void Remove()
    {
        using var removal = new TreeRemoval(ids: null);
        removal.Remove(Directory.Handle, StoreDirectory.Bytes(Name));
    }
}
