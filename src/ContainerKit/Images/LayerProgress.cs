namespace ContainerKit.Images;

/// <summary>Tells how far a layer has come, each mebibyte.</summary>
internal sealed class LayerProgress(IProgress<UnpackProgress> progress, int layer, int layers, long? total)
    : IProgress<long>
{
    private const int Step = 1 << 20;

    private long _told, _bytes;

    /// <summary>That of a layer; null when nobody wants to know.</summary>
    public static LayerProgress? Of(IProgress<UnpackProgress>? progress, int layer, SourceImage image) =>
        progress is null ? null : new(progress, layer, image.Layers.Count, image.Layers[layer].Expected.Size);

    /// <inheritdoc/>
    public void Report(long value)
    {
        _bytes = value;
        if (value >= _told + Step)
        {
            _told = value;
            Tell(isDone: false);
        }
    }

    /// <summary>Tells that the layer is there.</summary>
    public void Done() => Tell(isDone: true);

    private void Tell(bool isDone) => progress.Report(new(layer, layers, _bytes, total, isDone));
}
