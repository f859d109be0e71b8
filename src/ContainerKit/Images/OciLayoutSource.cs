namespace ContainerKit.Images;

/// <summary>An OCI image layout, in a directory or in an archive.</summary>
internal sealed class OciLayoutSource(ImageFiles files) : ImageSource
{
    private const string ReferenceName = "org.opencontainers.image.ref.name";
    private const string ContainerdName = "io.containerd.image.name";

    private const int MaxDepth = 4;
    private const int MaxDocuments = 1000;

    /// <summary>Whether a place holds a layout.</summary>
    public static bool IsThere(ImageFiles files)
    {
        using var file = files.TryOpen("oci-layout");
        return file is not null;
    }

    public override async Task<IReadOnlyList<SourceImage>> ReadAsync(
        Platform platform, CancellationToken cancellationToken)
    {
        await CheckVersionAsync(cancellationToken).ConfigureAwait(false);
        var json = await files.ReadAsync("index.json", cancellationToken).ConfigureAwait(false);
        var index = ImageIndex.Read(json, null, "index.json");
        var images = new List<SourceImage>();
        var walk = new Walk();

        // One name may be there several times, for several platforms; so may images without a name.
        foreach (var named in index.Manifests.GroupBy(NameOf))
        {
            var candidates = new List<Candidate>();
            foreach (var descriptor in named)
            {
                await CollectAsync(
                    descriptor, "index.json", 0, platform, walk, candidates, cancellationToken).ConfigureAwait(false);
            }

            var references = ImageReference.TryParse(named.Key, out var reference) ? new[] { reference } : [];
            var best = candidates.Min(candidate => candidate.Distance);
            images.AddRange(candidates
                .Where(candidate => candidate.Distance == best && best is not null)
                .Select(candidate => candidate.Image with { References = references }));
        }

        return images.Count > 0 || index.Manifests.Count == 0 ? images : throw new InvalidImageException(
            $"There is no image for {platform}.", entry: "index.json", field: "platform",
            value: ImageDocument.Printable(string.Join(", ", walk.Platforms.Distinct().Take(10))));
    }

    public override void Dispose() => files.Dispose();

    // A tag alone names no image.
    private static string? NameOf(BlobDescriptor descriptor)
    {
        var full = descriptor.Annotations?.GetValueOrDefault(ContainerdName);
        var name = full ?? descriptor.Annotations?.GetValueOrDefault(ReferenceName);
        return name is not null && (full is not null || name.AsSpan().ContainsAny('/', ':')) ? name : null;
    }

    private async Task CheckVersionAsync(CancellationToken cancellationToken)
    {
        var json = await files.ReadAsync("oci-layout", cancellationToken).ConfigureAwait(false);
        var layout = ImageDocument.Read(json, ImageJson.Default.OciLayoutFile, "oci-layout");
        ImageDocument.Require(
            layout.Version == "1.0.0", "Only version 1.0.0 can be read.", "oci-layout", "imageLayoutVersion",
            layout.Version);
    }

    private async Task CollectAsync(
        BlobDescriptor descriptor, string parent, int depth, Platform platform, Walk walk, List<Candidate> candidates,
        CancellationToken cancellationToken)
    {
        var name = $"{parent}, {ImageDocument.Printable(descriptor.DigestText)}";
        if (descriptor.Platform is { } said && platform.DistanceTo(said) is null)
        {
            walk.Platforms.Add($"{said}");
            return;
        }

        if (!MediaTypes.IsIndex(descriptor.MediaType) && !MediaTypes.IsManifest(descriptor.MediaType))
        {
            return; // something else that lies there, which is nobody's business
        }

        ImageDocument.Require(
            ++walk.Documents <= MaxDocuments, $"At most {MaxDocuments} documents are read.", name, "count",
            $"{walk.Documents}");
        if (MediaTypes.IsManifest(descriptor.MediaType))
        {
            await AddAsync(descriptor, name, platform, walk, candidates, cancellationToken).ConfigureAwait(false);
            return;
        }

        ImageDocument.Require(
            depth < MaxDepth, $"Lists are nested at most {MaxDepth} deep.", name, "depth", $"{depth + 1}");
        var json = await files.ReadAsync(descriptor, name, cancellationToken).ConfigureAwait(false);
        foreach (var inner in ImageIndex.Read(json, descriptor.MediaType, name).Manifests)
        {
            await CollectAsync(inner, $"{descriptor.Digest}", depth + 1, platform, walk, candidates, cancellationToken)
                .ConfigureAwait(false);
        }
    }

    private async Task AddAsync(
        BlobDescriptor descriptor, string name, Platform platform, Walk walk, List<Candidate> candidates,
        CancellationToken cancellationToken)
    {
        var json = await files.ReadAsync(descriptor, name, cancellationToken).ConfigureAwait(false);
        var manifest = ImageManifest.Read(json, descriptor.MediaType, name);
        if (!MediaTypes.IsConfig(manifest.Config.MediaType))
        {
            return; // an artifact: a signature, a bill of materials
        }

        manifest.CheckIsImage(name);
        var configName = $"{manifest.Config.Digest}";
        var config = await files.ReadAsync(manifest.Config, configName, cancellationToken).ConfigureAwait(false);
        var blobs = manifest.Layers.Select(layer => ExpectedBlob.Of(layer, $"{layer.Digest}")).ToArray();
        var image = Describe(
            config, configName, blobs, i => files.Open(ImageFiles.PathOf(manifest.Layers[i].Digest)), []);
        walk.Platforms.Add($"{image.Platform}");

        // A list of platforms knows better which variant it means than a configuration, which often says none.
        if (platform.DistanceTo(descriptor.Platform ?? image.Platform) is { } distance
            && platform.DistanceTo(image.Platform with { Variant = null }) is not null)
        {
            candidates.Add(new(image with { Manifest = (descriptor, json) }, distance));
        }
    }

    private sealed record Candidate(SourceImage Image, int? Distance);

    private sealed class Walk
    {
        public int Documents { get; set; }

        public List<string> Platforms { get; } = [];
    }
}
