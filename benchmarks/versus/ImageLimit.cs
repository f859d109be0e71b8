using System.Diagnostics;
using System.Formats.Tar;
using System.Globalization;
using System.Security.Cryptography;

namespace Versus;

/// <summary>
/// The work that nobody gets around, each part measured on one core with nothing else around it: inflating with the
/// same library and hashing both sides, and a C program that makes the same files from memory.
/// </summary>
internal sealed class ImageLimit
{
    private readonly ImageWorkshop _workshop;
    private readonly string[] _lists;

    /// <summary>Writes down what is to be made.</summary>
    public ImageLimit(ImageWorkshop workshop)
    {
        _workshop = workshop;
        _lists = [.. workshop.Image.Layers.Select((_, i) => Path.Combine(workshop.Path, $"{i}.list"))];
        foreach (var (layer, list) in workshop.Image.Layers.Zip(_lists))
        {
            using var archive = new TarReader(File.OpenRead(layer.Archive));
            File.WriteAllLines(list, Lines(archive));
        }
    }

    /// <summary>
    /// The least seconds there are: all work spread over all processors, or the longest of one layer, if that is
    /// longer; and the processors' seconds.
    /// </summary>
    public ImageTurn Measure()
    {
        var layers = new List<ImageTurn>();
        foreach (var (layer, list) in _workshop.Image.Layers.Zip(_lists))
        {
            var (inflated, made) = (Inflate(layer), Make(layer, list));
            layers.Add(new(inflated.Seconds + made.Seconds, inflated.CpuSeconds + made.CpuSeconds));
        }

        var together = layers.Sum(layer => layer.Seconds) / Environment.ProcessorCount;
        return new(Math.Max(together, layers.Max(layer => layer.Seconds)), layers.Sum(layer => layer.CpuSeconds));
    }

    private static ImageTurn Inflate(ImageLayer layer)
    {
        var (start, used) = (Stopwatch.GetTimestamp(), ImageTurn.Used());
        using (var packed = File.OpenRead(layer.Packed))
        {
            SHA256.HashData(packed);
        }

        if (layer.Codec != ImageCodec.None)
        {
            using var unpacked = layer.Codec.Unpack(File.OpenRead(layer.Packed));
            SHA256.HashData(unpacked);
        }

        return new(Stopwatch.GetElapsedTime(start).TotalSeconds, (ImageTurn.Used() - used).TotalSeconds);
    }

    private ImageTurn Make(ImageLayer layer, string list)
    {
        var directory = Directory.CreateDirectory(Path.Combine(_workshop.Path, "turn")).FullName;
        try
        {
            var said = _workshop.Programs.FirstLine([_workshop.Programs.Files, list, layer.Archive, directory]);
            return said?.Split(' ') is [var nanoseconds, var used]
                ? new(long.Parse(nanoseconds, CultureInfo.InvariantCulture) / 1e9,
                    long.Parse(used, CultureInfo.InvariantCulture) / 1e9)
                : throw new InvalidOperationException($"The files of {layer.Archive} cannot be made.");
        }
        finally
        {
            _workshop.Must("rm", "-rf", directory);
        }
    }

    private static IEnumerable<string> Lines(TarReader archive)
    {
        while (archive.GetNextEntry() is { } entry)
        {
            var name = entry.Name.TrimStart('.').Trim('/');
            var (directory, last) = (Path.GetDirectoryName(name)!, Path.GetFileName(name));
            if (KindOf(entry, last) is { } kind && name.Length > 0)
            {
                var time = (entry.ModificationTime - DateTimeOffset.UnixEpoch).Ticks;
                name = kind == 'w' ? Path.Combine(directory, last[".wh.".Length..]) : name;
                var target = entry.LinkName;
                target = entry.EntryType == TarEntryType.HardLink ? target.TrimStart('.', '/') : target;
                yield return string.Join('\t',
                    kind, (int)entry.Mode, entry.Uid, entry.Gid, time / TimeSpan.TicksPerSecond,
                    time % TimeSpan.TicksPerSecond * TimeSpan.NanosecondsPerTick, Math.Max(0, entry.DataOffset),
                    entry.Length, name, target);
            }
        }
    }

    private static char? KindOf(TarEntry entry, string name) => entry.EntryType switch
    {
        TarEntryType.RegularFile or TarEntryType.V7RegularFile => name == ".wh..wh..opq" ? 'o'
            : name.StartsWith(".wh.", StringComparison.Ordinal) ? 'w' : 'f',
        TarEntryType.Directory => 'd',
        TarEntryType.SymbolicLink => 'l',
        TarEntryType.HardLink => 'h',
        _ => null,
    };
}
