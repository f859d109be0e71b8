using ContainerKit.Linux;

namespace ContainerKit.Images;

/// <summary>
/// The images of a store, as the index of an OCI layout: a descriptor for each name that an image bears, or one
/// without. Changes are made by one process at a time, and are there whole or not at all.
/// </summary>
internal sealed class ImageList(StoreDirectory images)
{
    /// <summary>The name of its file.</summary>
    public const string File = "index.json";

    private const string Lock = "lock";

    /// <summary>The file that says that a directory is an OCI layout.</summary>
    public static (string Name, byte[] Json) LayoutFile =>
        ("oci-layout", """{"imageLayoutVersion":"1.0.0"}"""u8.ToArray());

    /// <summary>The annotation that holds a whole name; containerd's.</summary>
    public const string Name = "io.containerd.image.name";

    private const string Tag = "org.opencontainers.image.ref.name";

    /// <summary>The name of a descriptor; null when it has none.</summary>
    public static ImageReference? NameOf(BlobDescriptor descriptor) =>
        ImageReference.TryParse(descriptor.Annotations?.GetValueOrDefault(Name), out var reference) ? reference : null;

    /// <summary>A descriptor under a name.</summary>
    public static BlobDescriptor Named(BlobDescriptor descriptor, ImageReference? reference) => descriptor with
    {
        Annotations = reference is null ? null : new Dictionary<string, string>
        {
            [Name] = reference.ToString(),
            [Tag] = reference.Tag ?? reference.ToString(),
        },
    };

    /// <summary>What is another after each change.</summary>
    public (ulong Inode, long Seconds, uint Nanoseconds) Version =>
        Syscall.TryStatus(images.Handle, StoreDirectory.Bytes(File), out var status)
            ? (status.Inode, status.ModifiedSeconds, status.ModifiedNanoseconds) : default;

    /// <summary>What is listed.</summary>
    /// <exception cref="InvalidImageException">It cannot be read.</exception>
    public IReadOnlyList<BlobDescriptor> Read()
    {
        try
        {
            return images.Read(File) is { } json ? ImageIndex.Read(json, null, File).Manifests : [];
        }
        catch (IOException damaged) when (damaged is InvalidImageException or LinuxException
        {
            Errno: Errno.EINVAL or Errno.ELOOP or Errno.EXDEV or Errno.ENXIO,
        })
        {
            throw new InvalidImageException(
                "The store's list of images is damaged. ImageStore.CheckAsync repairs the store: it begins another, "
                + $"and images can be loaded again. {damaged.Message}", entry: $"images/{File}");
        }
    }

    /// <summary>Begins another list, and leaves the last one that was damaged beside it.</summary>
    public void SetAside()
    {
        const string aside = $"{File}.damaged";
        if (images.Has(aside))
        {
            using var removal = new TreeRemoval(ids: null);
            removal.Remove(images.Handle, StoreDirectory.Bytes(aside));
        }

        images.TryMove(File, images, aside);
    }

    /// <summary>Changes what is listed.</summary>
    public async Task ChangeAsync(
        Func<IReadOnlyList<BlobDescriptor>, IEnumerable<BlobDescriptor>> change, CancellationToken cancellationToken)
    {
        using var turn = await StoreLock.TakeAsync(images, Lock, together: false, cancellationToken)
            .ConfigureAwait(false);
        var before = Read();
        BlobDescriptor[] after = [.. change(before)];
        if (!after.SequenceEqual(before))
        {
            var index = new ImageIndex { SchemaVersion = 2, MediaType = MediaTypes.ImageIndex, Manifests = after };
            var json = index.ToJson();
            ImageIndex.Read(json, null, File); // what nobody could read again is not written
            if (LayoutFile is var (layout, content) && !images.Has(layout))
            {
                images.Write(layout, content); // before: a full disk may have no room for it
            }

            images.Write(File, json);
            images.Sync();
        }
    }
}
