namespace ContainerKit.Images;

/// <summary>The making of an image of another one and what was changed over it.</summary>
internal sealed class ImageCommit(LayerStore store, BlobStore blobs, Image parent, CommitOptions options)
{
    /// <summary>Writes the layer, and what names it, and describes the manifest.</summary>
    public async Task<BlobDescriptor> RunAsync(WritableLayer writable, CancellationToken cancellationToken)
    {
        var layer = await Task.Run(() => WriteAsync(writable, cancellationToken), cancellationToken)
            .ConfigureAwait(false);
        await Task.Run(() => UnpackAsync(layer, cancellationToken), cancellationToken).ConfigureAwait(false);
        var config = Complete(layer.Digest).ToJson();
        var manifest = new ImageManifest
        {
            SchemaVersion = 2,
            MediaType = MediaTypes.ImageManifest,
            Config = new() { MediaType = MediaTypes.ImageConfig, Digest = blobs.Write(config), Size = config.Length },
            Layers = [.. parent.Blobs.Select(MediaTypes.ToOci), layer],
        }.ToJson();
        return new()
        {
            MediaType = MediaTypes.ImageManifest,
            Digest = blobs.Write(manifest),
            Size = manifest.Length,
            Platform = parent.Config.Platform,
        };
    }

    private async Task<BlobDescriptor> WriteAsync(WritableLayer writable, CancellationToken cancellationToken)
    {
        using var blob = blobs.Begin();
        using var changes = writable.OpenChanges();
        using var tree = writable.Read(changes, cancellationToken);
        using var digesting = new DigestingStream(blob.Content);
        await TreeArchive.WriteAsync(tree, digesting, options.MaxLayerSize, cancellationToken).ConfigureAwait(false);
        changes.CheckAreThere();
        var digest = digesting.Finish();
        blobs.Keep(blob, digest);
        return new() { MediaType = MediaTypes.Layer, Digest = digest, Size = digesting.Length };
    }

    /// <summary>Unpacks the archive: what others get who load the image, and not what is being changed.</summary>
    private async Task UnpackAsync(BlobDescriptor layer, CancellationToken cancellationToken)
    {
        var staged = await store.StageAsync(layer.Digest, cancellationToken).ConfigureAwait(false);
        await using var held = staged.ConfigureAwait(false);
        if (!staged.IsPublished)
        {
            using var archive = blobs.Open(layer.Digest);
            var owners = await store.OwnersAsync(cancellationToken).ConfigureAwait(false);
            var unpacked = await new LayerUnpacker(new() { MaxLayerSize = options.MaxLayerSize }, owners)
                .UnpackVerifiedAsync(archive, staged.Directory, cancellationToken).ConfigureAwait(false);
            await owners.CompleteAsync(staged.Directory, cancellationToken).ConfigureAwait(false);
            await staged.PublishAsync(unpacked.Meta, cancellationToken).ConfigureAwait(false);
        }
    }

    private ImageConfig Complete(Digest diffId)
    {
        var config = parent.Config;
        var createdAt = options.CreatedAt ?? DateTimeOffset.UtcNow;
        var history = config.History ?? [];
        var unsaid = Math.Max(0, config.Layers.DiffIds.Count - history.Count(step => !step.EmptyLayer));
        return config with
        {
            CreatedAt = createdAt,
            Author = options.Author ?? config.Author,
            Defaults = options.Defaults ?? config.Defaults,
            Layers = config.Layers with { DiffIds = [.. config.Layers.DiffIds, diffId] },
            History =
            [
                .. history, .. Enumerable.Repeat(new ImageHistory(), unsaid),
                new()
                {
                    CreatedAt = createdAt,
                    CreatedBy = options.CreatedBy,
                    Author = options.Author,
                    Comment = options.Comment,
                },
            ],
        };
    }
}
