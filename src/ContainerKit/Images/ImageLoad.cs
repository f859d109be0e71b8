using System.Collections.Concurrent;
using System.Security.Cryptography;

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
        var known = layer.Expected.DiffId ?? await FindKnownAsync(layer, cancellationToken).ConfigureAwait(false);
        if (known is not { } diffId)
        {
            return await LoadUnknownAsync(layer, told, cancellationToken).ConfigureAwait(false);
        }

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
        return Describe(diffId, blob, layer);
    }

    /// <summary>
    /// The layer that came in the same packed archive; null where the store has none. To hash it takes a part of the
    /// time that unpacking it would.
    /// </summary>
    private async Task<Digest?> FindKnownAsync(SourceLayer layer, CancellationToken cancellationToken)
    {
        var known = store.PackedIn(layer.Expected.Size ?? -1).ToList();
        if (known.Count == 0)
        {
            return null;
        }

        using var content = layer.Open();
        var digest = Digest.FromHash(await SHA256.HashDataAsync(content, cancellationToken).ConfigureAwait(false));
        return known.Where(item => item.Packed.Digest == $"{digest}").Select(item => (Digest?)item.DiffId)
            .FirstOrDefault();
    }

    /// <summary>Unpacks a layer under a name that is none's, as nobody knows what it is before it was read.</summary>
    private async Task<LoadedLayer> LoadUnknownAsync(
        SourceLayer layer, LayerProgress? told, CancellationToken cancellationToken)
    {
        var nobodys = Digest.FromHash(RandomNumberGenerator.GetBytes(SHA256.HashSizeInBytes));
        var made = await store.StageAsync(nobodys, cancellationToken).ConfigureAwait(false);
        await using var held = made.ConfigureAwait(false);
        var unpacked = await MakeAsync(layer, made, told, cancellationToken).ConfigureAwait(false);
        var staged = await store.StageAsync(unpacked.Blob.DiffId, cancellationToken).ConfigureAwait(false);
        _layers.Add(staged);
        if (!staged.IsPublished)
        {
            await staged.PublishAsync(made, unpacked.Meta, cancellationToken).ConfigureAwait(false);
        }

        return Describe(unpacked.Blob.DiffId, unpacked.Blob, layer);
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
        var blob = await new LayerUnpacker(options, TreeOwners.OfThisUser())
            .ReadAsync(layer, copy.Content, told, cancellationToken).ConfigureAwait(false);
        blobs.Keep(copy, blob.Digest);
        return blob;
    }

    private async Task<PumpedBlob> UnpackAsync(
        SourceLayer layer, StagedLayer staged, LayerProgress? told, CancellationToken cancellationToken)
    {
        try
        {
            var unpacked = await MakeAsync(layer, staged, told, cancellationToken).ConfigureAwait(false);
            await staged.PublishAsync(unpacked.Meta, cancellationToken).ConfigureAwait(false);
            return unpacked.Blob;
        }
        catch
        {
            await staged.DisposeAsync().ConfigureAwait(false); // others wait for it
            throw;
        }
    }

    /// <summary>Unpacks a layer, and keeps the blob: who waits for the layer needs both.</summary>
    private async Task<UnpackedLayer> MakeAsync(
        SourceLayer layer, StagedLayer staged, LayerProgress? told, CancellationToken cancellationToken)
    {
        using var copy = blobs.Begin();
        var owners = await store.OwnersAsync(cancellationToken).ConfigureAwait(false);
        var unpacked = await new LayerUnpacker(options, owners).UnpackAsync(
            layer, staged.Directory, TreeForm.Overlay, copy.Content, told, cancellationToken).ConfigureAwait(false);
        await owners.CompleteAsync(staged.Directory, cancellationToken).ConfigureAwait(false);
        blobs.Keep(copy, unpacked.Blob.Digest);
        return unpacked;
    }

    private static LoadedLayer Describe(Digest diffId, PumpedBlob blob, SourceLayer layer) => new(
        diffId, Describe(blob.Digest, blob.Size, layer.Expected.MediaType ?? MediaTypes.Of(blob.Codec)));

    private static BlobDescriptor Describe(Digest digest, long size, string? mediaType) =>
        new() { MediaType = mediaType ?? MediaTypes.Layer, Digest = digest, Size = size };

    private readonly record struct LoadedLayer(Digest DiffId, BlobDescriptor Blob);
}
