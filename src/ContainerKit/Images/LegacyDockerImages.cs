namespace ContainerKit.Images;

/// <summary>
/// The images in an archive of Docker before 1.10: each layer is a directory of its own that names its parent, and no
/// digest is known of anything.
/// </summary>
internal sealed class LegacyDockerImages(ImageFiles files)
{
    public async Task<IReadOnlyList<SourceImage>> ReadAsync(CancellationToken cancellationToken)
    {
        var json = await files.ReadAsync("repositories", cancellationToken).ConfigureAwait(false);
        var repositories = ImageDocument.Read(
            json, ImageJson.Default.DictionaryStringDictionaryStringString, "repositories");
        var tags = from repository in repositories
                   from tag in repository.Value ?? []
                   let name = $"{repository.Key}:{tag.Key}"
                   select (Id: tag.Value, Reference: DockerArchiveSource.ReadReference(name, "repositories"));
        var images = new List<SourceImage>();
        foreach (var image in tags.GroupBy(tag => tag.Id, tag => tag.Reference))
        {
            ImageDocument.Require(
                images.Count < DockerArchiveSource.MaxImages,
                $"At most {DockerArchiveSource.MaxImages} images are read.", "repositories", "count",
                $"over {DockerArchiveSource.MaxImages}");
            images.Add(await ReadAsync(image.Key, [.. image], cancellationToken).ConfigureAwait(false));
        }

        return images;
    }

    private async Task<SourceImage> ReadAsync(
        string topmost, IReadOnlyList<ImageReference> references, CancellationToken cancellationToken)
    {
        var layers = new List<(string Id, DockerLegacyConfig Config)>();
        for (var id = topmost; !string.IsNullOrEmpty(id); id = layers[^1].Config.Parent)
        {
            // An id becomes part of a path.
            ImageDocument.Require(
                Digest.TryParse($"sha256:{id}", out _), "This is no id of a layer.", "repositories", "id", id);
            ImageDocument.Require(
                layers.Count < ImageManifest.MaxLayers, "Parents lead round in circles, or there are too many layers.",
                id, "parent", id);
            var json = await files.ReadAsync($"{id}/json", cancellationToken).ConfigureAwait(false);
            layers.Add((id, ImageDocument.Read(json, ImageJson.Default.DockerLegacyConfig, $"{id}/json")));
        }

        ImageDocument.Require(layers.Count > 0, "This is no id of a layer.", "repositories", "id", topmost ?? "null");
        layers.Reverse();
        var draft = DraftOf(layers);
        return new()
        {
            Name = layers[^1].Id,
            References = references,
            Platform = draft.Platform,
            Draft = draft,
            Layers = [.. layers.Select(layer => Layer($"{layer.Id}/layer.tar"))],
        };
    }

    private SourceLayer Layer(string path) =>
        new(DockerArchiveSource.Expect(files, path, null), () => files.Open(path));

    private static ImageConfig DraftOf(List<(string Id, DockerLegacyConfig Config)> layers)
    {
        var (id, topmost) = layers[^1];
        topmost.Defaults?.Check($"{id}/json, config");
        return new()
        {
            Architecture = topmost.Architecture ?? "amd64", // when these archives were made, there was nothing else
            OperatingSystem = topmost.OperatingSystem ?? "linux",
            Author = topmost.Author,
            CreatedAt = topmost.CreatedAt,
            Defaults = topmost.Defaults,
            Layers = new() { Type = "layers", DiffIds = [] },
            History = [.. layers.Select(
                layer => new ImageHistory { CreatedAt = layer.Config.CreatedAt, Author = layer.Config.Author })],
        };
    }
}
