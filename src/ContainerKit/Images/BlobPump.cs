using System.IO.Pipelines;
using System.Security.Cryptography;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace ContainerKit.Images;

/// <summary>
/// Takes a layer from where it comes to who reads its archive, in one pass and a bounded buffer: digest and size of the
/// packed bytes, unpacking, digest of the unpacked ones.
/// </summary>
internal sealed class BlobPump(ExpectedBlob expected, BlobLimits limits)
{
    /// <summary>Who reads is woken for several chunks at a time.</summary>
    private const int ChunkSize = 64 << 10, ChunksOfFlush = 8;

    private Codec _codec;

    /// <summary>
    /// Pumps all of it, and completes the output: with the error, when there is one. What was written holds only when
    /// this has returned: digests are known at the end.
    /// </summary>
    /// <exception cref="InvalidImageException">
    /// It is not what was expected, damaged, or larger than the limits.
    /// </exception>
    public async Task<PumpedBlob> RunAsync(
        Stream source, PipeWriter output, IProgress<long>? progress, CancellationToken cancellationToken)
    {
        var input = new BlobInput(source, expected, progress);
        try
        {
            var blob = await PumpAsync(input, output, cancellationToken).ConfigureAwait(false);
            await output.CompleteAsync().ConfigureAwait(false);
            return blob;
        }
        catch (Exception exception)
        {
            var wrong = input.Refusal
                ?? (Codecs.IsDamage(_codec, exception) ? Damaged(exception, input.Count) : exception);
            await output.CompleteAsync(wrong).ConfigureAwait(false);
            if (wrong == exception)
            {
                throw;
            }

            throw wrong;
        }
        finally
        {
            input.Release();
        }
    }

    private async Task<PumpedBlob> PumpAsync(BlobInput input, PipeWriter output, CancellationToken cancellationToken)
    {
        var start = await input.PeekAsync(Codecs.MagicLength, cancellationToken).ConfigureAwait(false);
        _codec = Codecs.Detect(start.Span, expected.Name);
        CheckCodec();
        var unpacked = Codecs.Unpack(_codec, input, limits);
        await using var _ = unpacked.ConfigureAwait(false);
        var algorithm = ExpectedBlob.AlgorithmOf(expected.DiffId);
        var isHashed = _codec == Codec.None && algorithm == ExpectedBlob.AlgorithmOf(expected.Digest);
        using var hash = isHashed ? null : IncrementalHash.CreateHash(algorithm);
        long count = 0;
        for (var chunks = 1; ; chunks++)
        {
            var chunk = output.GetMemory(ChunkSize)[..ChunkSize];
            var got = await unpacked.ReadAtLeastAsync(chunk, ChunkSize, throwOnEndOfStream: false, cancellationToken)
                .ConfigureAwait(false);
            if (got == 0)
            {
                break;
            }

            count += got;
            CheckLimits(count, input.Count);
            hash?.AppendData(chunk.Span[..got]);
            output.Advance(got);
            if (chunks % ChunksOfFlush == 0
                && (await output.FlushAsync(cancellationToken).ConfigureAwait(false)).IsCompleted)
            {
                throw new OperationCanceledException("Who reads the archive has given up.");
            }
        }

        return Check(new(input.Finish(), input.Count, default, count, _codec), hash);
    }

    private PumpedBlob Check(PumpedBlob blob, IncrementalHash? hash)
    {
        if (expected.Size is { } size && blob.Size != size)
        {
            throw expected.Wrong($"There is less than was said: {blob.Size} bytes.", "size", $"{size}");
        }

        if (expected.Digest is { } digest && blob.Digest != digest)
        {
            throw expected.Wrong("The content has another digest.", "digest", $"{blob.Digest}");
        }

        var diffId = hash is null ? blob.Digest : Digest.FromHash(hash.GetHashAndReset());
        return expected.DiffId is { } said && said != diffId
            ? throw expected.Wrong($"The unpacked content is not {said}.", "DiffID", $"{diffId}")
            : blob with { DiffId = diffId };
    }

    private void CheckCodec()
    {
        if (expected.MediaType is not { } type)
        {
            return;
        }

        var promised = MediaTypes.CodecOf(type)
            ?? throw expected.Wrong(
                "A layer of this kind cannot be read here.", "mediaType", ImageDocument.Printable(type));
        if (promised != _codec)
        {
            throw expected.Wrong(
                $"The content is of another form: {_codec}.", "mediaType", ImageDocument.Printable(type));
        }
    }

    private void CheckLimits(long unpacked, long packed)
    {
        if (unpacked > limits.MaxSize.Bytes)
        {
            throw expected.Wrong("Unpacked, it is larger than the limit.", "unpacked size", $"over {limits.MaxSize}");
        }

        if (unpacked > limits.RatioFrom.Bytes && unpacked / limits.MaxRatio > packed)
        {
            throw expected.Wrong(
                $"Unpacked, it is over {limits.MaxRatio} times as large, as bombs are.", "unpacked size",
                $"{unpacked} of {packed}");
        }
    }

    private InvalidImageException Damaged(Exception exception, long position) =>
        exception is ZstdException { Code: ZSTD_ErrorCode.ZSTD_error_frameParameter_windowTooLarge }
            ? expected.Wrong(
                "Unpacking it takes more memory than the limit.", "zstd window", $"over {limits.MaxZstdWindow}")
            : expected.Wrong(
                $"The content is damaged or cut off: {ImageDocument.Printable(exception.Message)}", $"{_codec}",
                $"before byte {position}");
}

/// <summary>What a blob turned out to be.</summary>
internal readonly record struct PumpedBlob(Digest Digest, long Size, Digest DiffId, long UnpackedSize, Codec Codec);
