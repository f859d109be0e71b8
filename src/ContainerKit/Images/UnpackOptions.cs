using ContainerKit.Images;

namespace ContainerKit;

/// <summary>What is taken of the images in a place, and how much they may ask for.</summary>
public sealed record UnpackOptions
{
    /// <summary>
    /// The form of the place; null, the default, tells a layout from an archive of Docker by its files. What is both,
    /// as Docker has written it since version 25, is read as a layout, whatever the other list says, as containerd
    /// reads it.
    /// </summary>
    public ImageFormat? Format { get; init; }

    /// <summary>What the image is to run on; this machine unless said otherwise.</summary>
    public Platform Platform { get; init; } = Platform.Host;

    /// <summary>
    /// Which image is meant: by a name that it bears there, or by its manifest's digest, as in <c>name@sha256:…</c>.
    /// One that has only a tag there, as umoci and skopeo write it, is meant by any name with that tag. Null means the
    /// only one, or all of them.
    /// </summary>
    public ImageReference? Reference { get; init; }

    /// <summary>
    /// How many layers are unpacked at a time; two for each processor unless said otherwise, so that small ones end
    /// beside large ones. Each takes a few mebibytes of memory, and one in zstd form up to <see cref="MaxZstdWindow"/>
    /// besides.
    /// </summary>
    public int Parallelism { get; init; } = 2 * Environment.ProcessorCount;

    /// <summary>How much a layer may hold, unpacked; 64 GiB unless said otherwise.</summary>
    public ByteSize MaxLayerSize { get; init; } = ByteSize.GiB(64);

    /// <summary>How many files, directories and links a layer may have; 2,000,000 unless said otherwise.</summary>
    public int MaxEntries { get; init; } = TarLimits.Default.MaxEntries;

    /// <summary>
    /// How far back a zstd frame may look, which is memory that unpacking it takes; 8 MiB unless said otherwise, and
    /// 2 GiB at the most.
    /// </summary>
    public ByteSize MaxZstdWindow { get; init; } = ByteSize.MiB(8);

    /// <summary>
    /// Whose the files are that an ordinary user unpacks to a directory, as of <see cref="LayerStoreOptions.IdMap"/>;
    /// null, the default, means its own. A store has a map of its own.
    /// </summary>
    public IdMap? IdMap { get; init; }

    /// <summary>
    /// Where the program is run from that gives files to ids of the map; from memory unless said otherwise.
    /// </summary>
    public Launcher Launcher { get; init; } = Launcher.Memory;

    internal TarLimits TarLimits => TarLimits.Default with { MaxEntries = MaxEntries, MaxContent = MaxLayerSize };

    internal BlobLimits BlobLimits => new() { MaxSize = MaxLayerSize, MaxZstdWindow = MaxZstdWindow };

    internal UnpackOptions Checked()
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(Parallelism);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxEntries);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(MaxLayerSize.Bytes);
        ArgumentOutOfRangeException.ThrowIfLessThan(MaxZstdWindow.Bytes, 1024);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(MaxZstdWindow.Bytes, 2L << 30); // the decoder's own limit
        return this;
    }
}
