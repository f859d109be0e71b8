using ContainerKit.Linux;

namespace ContainerKit.Images;

/// <summary>
/// An archive of a root filesystem, packed or not: an image of one layer, of which nothing else is known.
/// </summary>
internal sealed class RootTarSource(string path) : ImageSource
{
    public override void Dispose()
    {
    }

    protected override string Place => path;

    protected override Task<IReadOnlyList<SourceImage>> ReadAllAsync(
        Platform platform, CancellationToken cancellationToken)
    {
        using var file = Open();
        var blob = new ExpectedBlob(path) { Size = file.Length };
        return Task.FromResult<IReadOnlyList<SourceImage>>([new()
        {
            Name = path,
            Platform = platform,
            Layers = [new(blob, Open)],
            Draft = new()
            {
                Architecture = platform.Architecture,
                OperatingSystem = platform.OperatingSystem,
                Variant = platform.Variant,
                Layers = new() { Type = "layers", DiffIds = [] },
            },
        }]);
    }

    private FileWindow Open()
    {
        var file = RegularFile.Open(path);
        return new(file, 0, (long)Syscall.Status(file).Size, ownsFile: true);
    }
}
