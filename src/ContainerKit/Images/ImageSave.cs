using System.IO.Pipelines;
using System.Text;
using System.Text.Json;

namespace ContainerKit.Images;

/// <summary>The saving of images: which files there are, and how they are put down.</summary>
internal sealed class ImageSave(BlobStore blobs, IReadOnlyList<Image> images, ImageFormat format)
{
    private const int BufferSize = 128 << 10;

    /// <summary>Writes them as an archive, and leaves the stream open.</summary>
    public async Task WriteToAsync(Stream destination, CancellationToken cancellationToken)
    {
        var pipe = PipeWriter.Create(destination, new(minimumBufferSize: BufferSize, leaveOpen: true));
        var (archive, buffer) = (new TarWriter(pipe), new byte[BufferSize]);
        foreach (var (path, open) in Files())
        {
            using var content = open?.Invoke();
            await archive.WriteAsync(Describe(path, content), cancellationToken).ConfigureAwait(false);
            while (content is not null
                && await content.ReadAsync(buffer, cancellationToken).ConfigureAwait(false) is > 0 and var count)
            {
                await archive.WriteContentAsync(buffer.AsMemory(0, count), cancellationToken).ConfigureAwait(false);
            }
        }

        await archive.CompleteAsync(cancellationToken).ConfigureAwait(false);
        await pipe.CompleteAsync().ConfigureAwait(false);
    }

    /// <summary>Writes them to a directory that is empty; after a failure, it is again.</summary>
    public async Task WriteToAsync(StoreDirectory directory, CancellationToken cancellationToken)
    {
        var made = new HashSet<string>();
        try
        {
            foreach (var (path, open) in Files())
            {
                made.Add(path[..(path.IndexOf('/', StringComparison.Ordinal) is > 0 and var end ? end : path.Length)]);
                await WriteAsync(directory, path, open, cancellationToken).ConfigureAwait(false);
            }
        }
        catch
        {
            using var removal = new TreeRemoval(ids: null);
            foreach (var name in made.Where(directory.Has))
            {
                removal.Remove(directory.Handle, StoreDirectory.Bytes(name));
            }

            throw;
        }
    }

    private static async Task WriteAsync(
        StoreDirectory directory, string path, Func<Stream>? open, CancellationToken cancellationToken)
    {
        if (open is null)
        {
            directory.Make(path, StoreDirectory.Closed).Dispose();
            return;
        }

        using var content = open();
        using var file = new FileOutput(NewFile.Create(directory, path));
        await content.CopyToAsync(file, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The files in their order, and how to open them; directories cannot be.</summary>
    private IEnumerable<(string Path, Func<Stream>? Open)> Files()
    {
        var digests = new SortedSet<string>(StringComparer.Ordinal);
        foreach (var image in images)
        {
            digests.UnionWith(image.Blobs.Select(blob => $"{blob.Digest}"));
            digests.UnionWith(format == ImageFormat.OciLayout ? [$"{image.Id}", $"{image.Digest}"] : [$"{image.Id}"]);
        }

        yield return ("blobs/", null);
        var algorithm = "";
        foreach (var digest in digests.Select(Digest.Parse))
        {
            if (digest.Algorithm != algorithm)
            {
                algorithm = digest.Algorithm;
                yield return ($"blobs/{algorithm}/", null);
            }

            yield return (ImageFiles.PathOf(digest), () => blobs.OpenVerified(digest));
        }

        // The list comes last: what was cut off is no image.
        foreach (var (name, json) in format == ImageFormat.OciLayout ? Layout() : [("manifest.json", DockerList())])
        {
            yield return (name, () => new MemoryStream(json));
        }
    }

    private (string Name, byte[] Json)[] Layout()
    {
        var index = new ImageIndex
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageIndex,
            Manifests = [.. images.SelectMany(Describe)],
        };
        return [("index.json", index.ToJson()), ImageList.LayoutFile];
    }

    private IEnumerable<BlobDescriptor> Describe(Image image)
    {
        var json = blobs.Read(image.Digest);
        var descriptor = new BlobDescriptor
        {
            MediaType = ImageManifest.Parse(json).MediaType ?? MediaTypes.ImageManifest,
            Digest = image.Digest,
            Size = json.Length,
            Platform = image.Config.Platform,
        };
        return image.References.Count == 0
            ? [descriptor]
            : image.References.Select(reference => ImageList.Named(descriptor, reference));
    }

    private byte[] DockerList()
    {
        var items = images.Select(image => new DockerArchiveItem
        {
            Config = ImageFiles.PathOf(image.Id),
            References = [.. image.References.Where(name => name.Digest is null).Select(name => name.Familiar)],
            Layers = [.. image.Blobs.Select(blob => ImageFiles.PathOf(blob.Digest))],
        });
        return JsonSerializer.SerializeToUtf8Bytes(items.ToArray(), ImageJson.Default.DockerArchiveItemArray);
    }

    private static TarEntry Describe(string path, Stream? content) => new()
    {
        Kind = content is null ? TarEntryKind.Directory : TarEntryKind.RegularFile,
        Path = Encoding.ASCII.GetBytes(path),
        Mode = content is null ? 0x1EDu : 0x1A4, // 0755, 0644
        Size = content?.Length ?? 0,
    };
}
