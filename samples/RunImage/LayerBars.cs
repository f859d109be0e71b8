using ContainerKit;
using Spectre.Console;

namespace RunImage;

/// <summary>A bar for each layer of an image, from the first byte of it on.</summary>
internal sealed class LayerBars(ProgressContext context) : IProgress<UnpackProgress>
{
    private readonly Dictionary<int, ProgressTask> _bars = [];

    /// <inheritdoc/>
    public void Report(UnpackProgress value)
    {
        lock (_bars)
        {
            if (!_bars.TryGetValue(value.Layer, out var bar))
            {
                var name = $"layer {value.Layer + 1} of {value.Layers}";
                bar = _bars[value.Layer] = context.AddTask(name, maxValue: value.TotalBytes ?? double.MaxValue);
                bar.IsIndeterminate = value.TotalBytes is null;
            }

            bar.Value = value.IsDone ? bar.MaxValue : value.Bytes;
        }
    }
}
