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

    public override void Dispose() => files.Dispose();

    protected override string Place => files.Name;

    protected override async Task<IReadOnlyList<SourceImage>> ReadAllAsync(
        Platform platform, CancellationToken cancellationToken)
    {
        await CheckVersionAsync(cancellationToken).ConfigureAwait(false);
        var json = await files.ReadAsync("index.json", cancellationToken).ConfigureAwait(false);
        var index = ImageIndex.Read(json, null, "index.json");
        var images = new List<SourceImage>();
        var walk = new Walk(platform);

        // One name may be there several times, for several platforms; what has none stands alone.
        foreach (var named in index.Manifests.Select((descriptor, i) => (descriptor, Name: NameOf(descriptor, i)))
            .GroupBy(item => item.Name, item => item.descriptor))
        {
            walk.Candidates.Clear();
            foreach (var descriptor in named)
            {
                await CollectAsync(descriptor, "index.json", 0, walk, cancellationToken).ConfigureAwait(false);
            }

            // The same configuration is the same image, however its layers are packed.
            var best = walk.Candidates.Select(candidate => candidate.Distance).DefaultIfEmpty().Min();
            images.AddRange(walk.Candidates
                .Where(candidate => candidate.Distance == best).DistinctBy(candidate => candidate.Config)
                .Select(candidate => candidate.Image with
                {
                    References = named.Key.Reference is { } reference ? [reference] : [],
                    Tag = named.Key.Tag,
                }));
        }

        return images.Count > 0 || index.Manifests.Count == 0 ? images : throw new InvalidImageException(
            $"There is no image for {platform}.", entry: "index.json", field: "platform",
            value: ImageDocument.Printable(string.Join(", ", walk.Platforms)));
    }

    // A tag alone names no image, but tells it from others in the same place.
    private static (ImageReference? Reference, string? Tag, int Place) NameOf(BlobDescriptor descriptor, int place)
    {
        var full = descriptor.Annotations?.GetValueOrDefault(ContainerdName);
        var name = descriptor.Annotations?.GetValueOrDefault(ReferenceName);
        if (ImageReference.TryParse(full, out var reference)
            || (name.AsSpan().ContainsAny('/', ':') && ImageReference.TryParse(name, out reference)))
        {
            ImageDocument.Require(
                (reference.Digest?.ToString() ?? descriptor.DigestText) == descriptor.DigestText,
                "An image has the digest of another for a name.", $"index.json, manifests[{place}]", "name",
                $"{reference}");
            return (reference, null, 0);
        }

        return name is null ? (null, null, place) : (null, name, 0);
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
        BlobDescriptor descriptor, string parent, int depth, Walk walk, CancellationToken cancellationToken)
    {
        var name = $"{parent}, {ImageDocument.Printable(descriptor.DigestText)}";
        if (descriptor.Platform is { } said && walk.Platform.DistanceTo(said) is null)
        {
            walk.Note(said);
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
            await AddAsync(descriptor, name, walk, cancellationToken).ConfigureAwait(false);
            return;
        }

        ImageDocument.Require(
            depth < MaxDepth, $"Lists are nested at most {MaxDepth} deep.", name, "depth", $"{depth + 1}");
        var json = await files.ReadAsync(descriptor, name, cancellationToken).ConfigureAwait(false);
        foreach (var inner in ImageIndex.Read(json, descriptor.MediaType, name).Manifests)
        {
            await CollectAsync(inner, $"{descriptor.Digest}", depth + 1, walk, cancellationToken)
                .ConfigureAwait(false);
        }
    }

    private async Task AddAsync(
        BlobDescriptor descriptor, string name, Walk walk, CancellationToken cancellationToken)
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
        var paths = manifest.Layers.Select(layer => ImageFiles.PathOf(layer.Digest)).ToArray();
        var image = Describe(config, configName, blobs, i => files.Open(paths[i]), []);
        walk.Note(image.Platform);

        // A list of platforms knows better which variant it means than a configuration, which often says none.
        if (walk.Platform.DistanceTo(descriptor.Platform ?? image.Platform) is { } distance
            && walk.Platform.DistanceTo(image.Platform with { Variant = null }) is not null)
        {
            var plain = new BlobDescriptor
            {
                MediaType = descriptor.MediaType,
                Digest = descriptor.Digest,
                Size = descriptor.Size,
            };
            walk.Candidates.Add(new(
                image with { Name = $"{plain.Digest}", Manifest = (plain, json) }, manifest.Config.Digest, distance));
        }
    }

    private sealed record Candidate(SourceImage Image, Digest Config, int Distance);

    private sealed class Walk(Platform platform)
    {
        private const int MostNoted = 10;

        public Platform Platform => platform;

        public int Documents { get; set; }

        public List<Candidate> Candidates { get; } = [];

        /// <summary>The first of those that were seen.</summary>
        public List<string> Platforms { get; } = [];

        public void Note(Platform seen)
        {
            if (Platforms.Count < MostNoted && $"{seen}" is var text && !Platforms.Contains(text))
            {
                Platforms.Add(text);
            }
        }
    }
}
