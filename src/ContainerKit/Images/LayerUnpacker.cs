using System.IO.Pipelines;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Images;

/// <summary>
/// Takes a layer from where it comes to files, in one pass: one task hashes and unpacks its bytes, another one reads
/// the archive and makes the files, and a bounded pipe lies between them.
/// </summary>
internal sealed class LayerUnpacker(UnpackOptions options, TreeOwners owners)
{
    private const int Segment = 64 << 10;

    private static readonly PipeOptions Bounded = new(
        pauseWriterThreshold: 16 * Segment, resumeWriterThreshold: 8 * Segment, minimumSegmentSize: Segment,
        useSynchronizationContext: false);

    /// <summary>
    /// Unpacks a layer into a directory; what is in it after a failure is the caller's to remove. The packed bytes are
    /// copied to <paramref name="copy"/> meanwhile.
    /// </summary>
    /// <exception cref="InvalidImageException">The layer is not what was said, or cannot be in an image.</exception>
    public async Task<UnpackedLayer> UnpackAsync(
        SourceLayer layer, SafeFileHandle directory, TreeForm form, Stream? copy, IProgress<long>? progress,
        CancellationToken cancellationToken) =>
        await RunAsync(
            layer, copy, progress,
            (input, token) => WriteAsync(input, directory, form, token), cancellationToken).ConfigureAwait(false);

    /// <summary>Reads a layer to its end, without making anything, to know what it is.</summary>
    public async Task<PumpedBlob> ReadAsync(
        SourceLayer layer, Stream copy, IProgress<long>? progress, CancellationToken cancellationToken) =>
        (await RunAsync(layer, copy, progress, SkipAsync, cancellationToken).ConfigureAwait(false)).Blob;

    /// <summary>Unpacks an archive that is known to be what it must be.</summary>
    public async Task<UnpackedLayer> UnpackVerifiedAsync(
        Stream archive, SafeFileHandle directory, CancellationToken cancellationToken)
    {
        var input = PipeReader.Create(archive, new(bufferSize: Segment));
        var unpacked = await WriteAsync(input, directory, TreeForm.Overlay, cancellationToken).ConfigureAwait(false);
        await input.CompleteAsync().ConfigureAwait(false);
        return unpacked;
    }

    private async Task<UnpackedLayer> RunAsync(
        SourceLayer layer, Stream? copy, IProgress<long>? progress,
        Func<PipeReader, CancellationToken, Task<UnpackedLayer>> read, CancellationToken cancellationToken)
    {
        var pipe = new Pipe(Bounded);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var pumping = Task.Run(() => PumpAsync(layer, copy, pipe.Writer, progress, stop.Token), CancellationToken.None);
        try
        {
            var unpacked = await Task.Run(() => read(pipe.Reader, stop.Token), CancellationToken.None)
                .ConfigureAwait(false);
            return unpacked with { Blob = await pumping.ConfigureAwait(false) };
        }
        catch (Exception failure)
        {
            await stop.CancelAsync().ConfigureAwait(false);
            await pipe.Reader.CompleteAsync().ConfigureAwait(false);
            await ((Task)pumping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            cancellationToken.ThrowIfCancellationRequested();
            if (failure is InvalidImageException { Digest: null } wrong && layer.Expected.AnyDigest is { } digest)
            {
                throw wrong.In($"{digest}");
            }

            throw;
        }
    }

    private async Task<PumpedBlob> PumpAsync(
        SourceLayer layer, Stream? copy, PipeWriter output, IProgress<long>? progress,
        CancellationToken cancellationToken)
    {
        try
        {
            var packed = layer.Open();
            await using var disposed = packed.ConfigureAwait(false);
            return await new BlobPump(layer.Expected, options.BlobLimits).RunAsync(
                copy is null ? packed : new CopyingStream(packed, copy), output, progress, cancellationToken)
                .ConfigureAwait(false);
        }
        catch (Exception failure)
        {
            await output.CompleteAsync(failure).ConfigureAwait(false); // harmless when it was
            throw;
        }
    }

    private async Task<UnpackedLayer> WriteAsync(
        PipeReader input, SafeFileHandle directory, TreeForm form, CancellationToken cancellationToken)
    {
        using var writer = new TreeWriter(directory, form, owners, new());
        var reader = new TarReader(input, options.TarLimits);
        var (entries, size) = (0L, 0L);
        while (await reader.ReadAsync(cancellationToken).ConfigureAwait(false) is { } entry)
        {
            (entries, size) = (entries + 1, size + entry.Size);
            writer.Add(entry);
            await CopyContentAsync(reader, writer, cancellationToken).ConfigureAwait(false);
        }

        await writer.CompleteAsync(cancellationToken).ConfigureAwait(false);
        return new(default, entries, size, writer.IsOpaque, writer.RootMode) { Implied = writer.Implied };
    }

    private static async ValueTask CopyContentAsync(
        TarReader reader, TreeWriter writer, CancellationToken cancellationToken)
    {
        while (await reader.ReadContentAsync(cancellationToken).ConfigureAwait(false) is { IsEmpty: false } content)
        {
            foreach (var part in content)
            {
                writer.Write(part.Span);
            }

            reader.AdvanceContent(content.Length);
        }

        writer.EndContent();
    }

    private static async Task<UnpackedLayer> SkipAsync(PipeReader input, CancellationToken cancellationToken)
    {
        while (await input.ReadAsync(cancellationToken).ConfigureAwait(false) is { IsCompleted: false } result)
        {
            input.AdvanceTo(result.Buffer.End);
        }

        return default;
    }
}

/// <summary>What came of a layer.</summary>
internal readonly record struct UnpackedLayer(PumpedBlob Blob, long Entries, long Size, bool IsOpaque, uint? RootMode)
{
    /// <summary>The paths of the directories that it says nothing of, each with a NUL.</summary>
    public ReadOnlyMemory<byte> Implied { get; init; }

    /// <summary>What a store writes down of it.</summary>
    public LayerMeta Meta => new()
    {
        Size = Size,
        Entries = Entries,
        IsOpaque = IsOpaque,
        ImpliesRoot = RootMode is null,
        Implied = Implied,
        Packed = new($"{Blob.Digest}", Blob.Size, $"{Blob.Codec}"),
    };
}
