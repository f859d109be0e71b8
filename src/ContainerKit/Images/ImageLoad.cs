using System.Collections.Concurrent;

namespace ContainerKit.Images;

/// <summary>
/// The loading of one image: its layers, then what names them. Its layers cannot be collected while this is not
/// disposed.
/// </summary>
internal sealed class ImageLoad(
    LayerStore store, BlobStore blobs, SourceImage image, UnpackOptions options, IProgress<UnpackProgress>? progress)
    : IAsyncDisposable
{
    private readonly ConcurrentBag<StagedLayer> _layers = [];

    /// <summary>Loads what the store does not have, and describes the manifest.</summary>
    public async Task<BlobDescriptor> RunAsync(CancellationToken cancellationToken)
    {
        var loaded = new LoadedLayer[image.Layers.Count];
        var parallel = new ParallelOptions
        {
            MaxDegreeOfParallelism = options.Parallelism,
            CancellationToken = cancellationToken,
        };
        // The largest first, or the last one might be alone for long.
        var order = Enumerable.Range(0, loaded.Length)
            .OrderByDescending(i => image.Layers[i].Expected.Size ?? long.MaxValue).ToList();
        await Parallel.ForEachAsync(order, parallel, async (i, token) =>
        {
            var told = LayerProgress.Of(progress, i, image);
            loaded[i] = await LoadAsync(image.Layers[i], told, token).ConfigureAwait(false);
            told?.Done();
        }).ConfigureAwait(false);
        var config = image.CompleteConfig([.. loaded.Select(layer => layer.DiffId)]);
        var configDigest = blobs.Write(config);
        var manifest = image.Manifest?.Json ?? new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = new() { MediaType = MediaTypes.ImageConfig, Digest = configDigest, Size = config.Length },
            Layers = [.. loaded.Select(layer => layer.Blob)],
        }.ToJson();
        return new()
        {
            MediaType = image.Manifest?.Descriptor.MediaType ?? MediaTypes.ImageManifest,
            Digest = blobs.Write(manifest),
            Size = manifest.Length,
            Platform = image.Platform,
        };
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var layer in _layers)
        {
            await layer.DisposeAsync().ConfigureAwait(false);
        }
    }

    private async Task<LoadedLayer> LoadAsync(
        SourceLayer layer, LayerProgress? told, CancellationToken cancellationToken)
    {
        var diffId = layer.Expected.DiffId
            ?? (await ReadAsync(layer, copy: null, progress: null, cancellationToken).ConfigureAwait(false)).DiffId;
        layer = layer with { Expected = layer.Expected with { DiffId = diffId } };
        var staged = await store.StageAsync(diffId, cancellationToken).ConfigureAwait(false);
        _layers.Add(staged);
        if (staged.IsPublished && FindPacked(layer.Expected, diffId) is { } packed)
        {
            return new(diffId, packed);
        }

        var blob = staged.IsPublished
            ? await CopyAsync(layer, told, cancellationToken).ConfigureAwait(false)
            : await UnpackAsync(layer, staged, told, cancellationToken).ConfigureAwait(false);
        return new(diffId, Describe(blob.Digest, blob.Size, layer.Expected.MediaType ?? MediaTypes.Of(blob.Codec)));
    }

    /// <summary>
    /// The blob that the layer was unpacked from, if it is the one that is meant; who says that another holds this
    /// layer must show it.
    /// </summary>
    private BlobDescriptor? FindPacked(ExpectedBlob expected, Digest diffId)
    {
        if (store.PackedOf(diffId) is not { } packed
            || !Digest.TryParse(packed.Digest, out var digest) || !Enum.TryParse<Codec>(packed.Codec, out var codec))
        {
            return null;
        }

        var isMeant = (expected.Digest ?? digest) == digest
            && (expected.Digest is null || (expected.Size ?? packed.Size) == packed.Size)
            && (expected.MediaType is null || MediaTypes.CodecOf(expected.MediaType) == codec);
        return isMeant && blobs.Has(digest)
            ? Describe(digest, packed.Size, expected.MediaType ?? MediaTypes.Of(codec))
            : null;
    }

    private async Task<PumpedBlob> CopyAsync(
        SourceLayer layer, LayerProgress? told, CancellationToken cancellationToken)
    {
        using var copy = blobs.Begin();
        var blob = await ReadAsync(layer, copy.Content, told, cancellationToken).ConfigureAwait(false);
        blobs.Keep(copy, blob.Digest);
        return blob;
    }

    private async Task<PumpedBlob> UnpackAsync(
        SourceLayer layer, StagedLayer staged, LayerProgress? told, CancellationToken cancellationToken)
    {
        try
        {
            using var copy = blobs.Begin();
            var owners = await store.OwnersAsync(cancellationToken).ConfigureAwait(false);
            var unpacked = await new LayerUnpacker(options, owners).UnpackAsync(
                layer, staged.Directory, TreeForm.Overlay, copy.Content, told, cancellationToken).ConfigureAwait(false);
            await owners.CompleteAsync(staged.Directory, cancellationToken).ConfigureAwait(false);
            blobs.Keep(copy, unpacked.Blob.Digest); // first: who waits for the layer needs both
            await staged.PublishAsync(unpacked.Meta, cancellationToken).ConfigureAwait(false);
            return unpacked.Blob;
        }
        catch
        {
            await staged.DisposeAsync().ConfigureAwait(false); // others wait for it
            throw;
        }
    }

    private Task<PumpedBlob> ReadAsync(
        SourceLayer layer, Stream? copy, IProgress<long>? progress, CancellationToken cancellationToken) =>
        new LayerUnpacker(options, TreeOwners.OfThisUser()).ReadAsync(layer, copy, progress, cancellationToken);

    private static BlobDescriptor Describe(Digest digest, long size, string? mediaType) =>
        new() { MediaType = mediaType ?? MediaTypes.Layer, Digest = digest, Size = size };

    private readonly record struct LoadedLayer(Digest DiffId, BlobDescriptor Blob);
}
