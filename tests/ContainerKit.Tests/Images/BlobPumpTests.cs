using System.IO.Pipelines;
using System.Security.Cryptography;
using ContainerKit.Images;

namespace ContainerKit.Tests.Images;

public class BlobPumpTests
{
    private static readonly byte[] Content = Packed.Content(300_000);

    public static TheoryData<string> Codecs { get; } = ["None", "Gzip", "Zstd", "Bzip2"];

    public static TheoryData<string> Packers { get; } = ["Gzip", "Zstd", "Bzip2"];

    [Theory]
    [MemberData(nameof(Codecs))]
    public async Task What_is_pumped_is_unpacked_and_both_sides_are_hashed(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        var packed = Packed.As(codec, Content);

        var (blob, content) = await PumpAsync(packed, new("layer")
        {
            Size = packed.Length,
            Digest = Sha256(packed),
            DiffId = Digest.FromHash(SHA512.HashData(Content)),
        });

        Assert.Equal(Content, content);
        Assert.Equal(
            new(Sha256(packed), packed.Length, Digest.FromHash(SHA512.HashData(Content)), Content.Length, codec), blob);
    }

    [Theory]
    [MemberData(nameof(Packers))]
    public async Task Several_packed_one_after_the_other_are_one(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        byte[] packed = [.. Packed.As(codec, Content), .. Packed.As(codec, []), .. Packed.As(codec, Content[..1])];

        var (blob, content) = await PumpAsync(packed);

        Assert.Equal([.. Content, Content[0]], content);
        Assert.Equal(codec, blob.Codec);
    }

    [Fact]
    public async Task Frames_of_zstd_that_are_to_be_skipped_are_skipped()
    {
        byte[] skipped = [0x5A, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3];

        var (_, content) = await PumpAsync(
            [.. skipped, .. Packed.Zstd(Content), .. skipped, .. Packed.Zstd(Content.AsSpan(0, 7)), .. skipped]);

        Assert.Equal([.. Content, .. Content[..7]], content);
    }

    [Theory]
    [MemberData(nameof(Packers))]
    public async Task CVE_2021_20291_what_is_cut_off_anywhere_is_refused(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        byte[] first = Packed.As(codec, Content[..2000]), second = Packed.As(codec, Content[..500]);
        byte[] both = [.. first, .. second];

        // In the first six bytes it is not yet of this form.
        for (var length = ContainerKit.Images.Codecs.MagicLength; length < both.Length; length++)
        {
            if (length != first.Length)
            {
                await RefusedAsync(both[..length]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Packers))]
    public async Task CVE_2021_20291_flipped_bits_never_go_unnoticed(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        var packed = Packed.As(codec, Content[..3000]);
        var digest = Sha256(packed);
        var random = new Random(7);
        for (var i = 0; i < 500; i++)
        {
            var damaged = packed.ToArray();
            damaged[random.Next(damaged.Length)] ^= (byte)(1 << random.Next(8));

            await RefusedAsync(damaged, new("layer") { Digest = digest });
        }
    }

    [Theory]
    [MemberData(nameof(Packers))]
    public async Task CVE_2021_20291_damage_is_found_without_the_digest_too(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        var packed = Packed.As(codec, Content[..3000]);
        var random = new Random(8);
        for (var i = 0; i < 500; i++)
        {
            var damaged = packed.ToArray();
            random.NextBytes(damaged.AsSpan(random.Next(10, damaged.Length - 4), 4));
            try
            {
                var (_, content) = await PumpAsync(damaged);
                Assert.Equal(Content[..3000], content); // a field that says nothing, or the same bytes again
            }
            catch (InvalidImageException)
            {
            }
        }
    }

    [Theory]
    [MemberData(nameof(Packers))]
    public async Task What_follows_the_end_is_refused(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        var packed = Packed.As(codec, Content[..1000]);
        byte[][] tails = [[0], [0x1F], [0x1F, 0x8B], [.. "x"u8], new byte[512], [.. "BZ"u8], [0x28], packed[..5],
            Packed.Content(20_000)];
        foreach (var tail in tails)
        {
            await RefusedAsync([.. packed, .. tail]);
        }
    }

    [Theory]
    [InlineData(8100)]
    [InlineData(8191)]
    [InlineData(8192)]
    [InlineData(8193)]
    public async Task Members_of_gzip_may_end_wherever_a_buffer_does(int length)
    {
        // Stored, so that the length of the member can be chosen.
        var member = new MemoryStream();
        using (var gzip = new System.IO.Compression.GZipStream(
            member, System.IO.Compression.CompressionLevel.NoCompression))
        {
            gzip.Write(Content.AsSpan(0, length - 23));
        }

        Assert.InRange(member.ToArray().Length, length - 10, length + 10);
        foreach (var after in new[] { 0, 1, 2, 3, 17, 18, 19 })
        {
            var (_, content) = await PumpAsync([.. member.ToArray(), .. Packed.Gzip(Content.AsSpan(0, after))]);
            Assert.Equal([.. Content[..(length - 23)], .. Content[..after]], content);
        }

        await RefusedAsync([.. member.ToArray(), 0x1F]);
        await RefusedAsync([.. member.ToArray(), 0]);
        await RefusedAsync(member.ToArray()[..^1]);
    }

    [Theory]
    [MemberData(nameof(Codecs))]
    public async Task A_wrong_digest_size_or_DiffID_is_refused(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        var packed = Packed.As(codec, Content);
        var other = Sha256([1]);

        Assert.Equal("digest", (await RefusedAsync(packed, new("layer") { Digest = other })).Field);
        Assert.Equal("size", (await RefusedAsync(packed, new("layer") { Size = packed.Length + 1 })).Field);
        Assert.Equal("size", (await RefusedAsync(packed, new("layer") { Size = packed.Length - 1 })).Field);
        var wrong = await RefusedAsync(packed, new("layer") { Digest = Sha256(packed), DiffId = other });
        Assert.Equal(("layer", "DiffID", $"{Sha256(Content)}"), (wrong.Entry, wrong.Field, wrong.Value));
        Assert.Equal($"{Sha256(packed)}", wrong.Digest);
    }

    [Theory]
    [InlineData(MediaTypes.Layer, "Gzip")]
    [InlineData(MediaTypes.GzipLayer, "None")]
    [InlineData(MediaTypes.GzipLayer, "Zstd")]
    [InlineData(MediaTypes.ZstdLayer, "Gzip")]
    [InlineData(MediaTypes.DockerGzipLayer, "Bzip2")]
    [InlineData("application/vnd.oci.image.layer.v1.tar+gzip+encrypted", "Gzip")]
    [InlineData("text/html", "None")]
    public async Task The_content_is_of_the_form_that_its_media_type_says(string mediaType, string form)
    {
        var packed = Packed.As(Enum.Parse<Codec>(form), Content);

        Assert.Equal("mediaType", (await RefusedAsync(packed, new("layer") { MediaType = mediaType })).Field);
    }

    [Fact]
    public async Task CVE_2014_9357_xz_is_refused_and_no_program_is_asked() => Assert.Equal(
        "xz", (await RefusedAsync([0xFD, .. "7zXZ"u8, 0, 0, 4])).Value);

    [Theory]
    [MemberData(nameof(Packers))]
    public async Task CVE_2017_14992_a_bomb_is_stopped_by_its_ratio_and_by_its_size(string form)
    {
        var codec = Enum.Parse<Codec>(form);
        var packed = Packed.As(codec, new byte[4 << 20]);

        var ratio = await RefusedAsync(packed, limits: new() { MaxRatio = 50, RatioFrom = ByteSize.MiB(1) });
        var size = await RefusedAsync(packed, limits: new() { MaxSize = ByteSize.MiB(2) });

        Assert.Equal(("unpacked size", "over 2 MiB"), (size.Field, size.Value));
        Assert.Equal("unpacked size", ratio.Field);
        Assert.Equal(4 << 20,
            (await PumpAsync(packed, limits: new() { MaxRatio = 50, RatioFrom = ByteSize.MiB(4) })).Blob.UnpackedSize);
    }

    [Fact]
    public async Task A_zstd_window_over_8_MiB_is_refused_unless_allowed()
    {
        var wide = Packed.Zstd(Packed.Content(17 << 20), windowLog: 24);

        var wrong = await RefusedAsync(wide);

        Assert.Equal(("zstd window", "over 8 MiB"), (wrong.Field, wrong.Value));
        Assert.Equal(
            17 << 20, (await PumpAsync(wide, limits: new() { MaxZstdWindow = ByteSize.MiB(16) })).Blob.UnpackedSize);
        Assert.Equal(
            17 << 20, (await PumpAsync(Packed.Zstd(Packed.Content(17 << 20), windowLog: 23))).Blob.UnpackedSize);
    }

    [Fact]
    public async Task A_zstd_window_that_no_decoder_has_is_the_callers_mistake_and_not_the_images()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new UnpackOptions { MaxZstdWindow = ByteSize.GiB(4) }.Checked());
        var options = new UnpackOptions { MaxZstdWindow = ByteSize.GiB(2) }.Checked();
        Assert.Equal(Content, (await PumpAsync(Packed.Zstd(Content), limits: options.BlobLimits)).Content);
    }

    [Fact]
    public async Task Streams_of_bzip2_without_end_are_refused()
    {
        var empty = Packed.Bzip2([]);

        await RefusedAsync([.. Enumerable.Repeat(empty, 1002).SelectMany(bytes => bytes)]);
    }

    [Fact]
    public async Task Cancelling_stops_the_pump()
    {
        using var cancel = new CancellationTokenSource();
        var pipe = new Pipe(new(pauseWriterThreshold: 64 << 10, resumeWriterThreshold: 32 << 10));
        var pumping = new BlobPump(new("layer"), new()).RunAsync(
            new MemoryStream(Packed.Content(2 << 20)), pipe.Writer, null, cancel.Token);
        Assert.False(pumping.IsCompleted); // nobody reads

        await cancel.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => pumping);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            async () => await pipe.Reader.ReadAsync(TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(100_000)] // before anything was handed on
    [InlineData(600_000)]
    [InlineData(1_200_000)]
    public async Task Cancelling_is_heard_by_who_reads_wherever_it_comes(int position)
    {
        using var cancel = new CancellationTokenSource();
        var pipe = new Pipe(new(pauseWriterThreshold: 0));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => new BlobPump(new("layer"), new()).RunAsync(
                new MemoryStream(Packed.Content(2 << 20)), pipe.Writer, new Canceller(cancel, position), cancel.Token));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => DrainAsync(pipe.Reader));
    }

    [Fact]
    public async Task Who_reads_the_archive_hears_what_is_wrong()
    {
        var pipe = new Pipe();
        var pumping = new BlobPump(new("layer"), new()).RunAsync(
            new MemoryStream(Packed.Gzip(Content)[..^1]), pipe.Writer, null, TestContext.Current.CancellationToken);

        await Assert.ThrowsAsync<InvalidImageException>(() => DrainAsync(pipe.Reader));
        await Assert.ThrowsAsync<InvalidImageException>(() => pumping);
    }

    [Fact]
    public async Task Progress_tells_how_much_was_read()
    {
        var packed = Packed.Gzip(Content);
        var progress = new LastReport();

        var pipe = new Pipe();
        var pumping = new BlobPump(new("layer"), new()).RunAsync(
            new MemoryStream(packed), pipe.Writer, progress, TestContext.Current.CancellationToken);
        await DrainAsync(pipe.Reader);
        await pumping;

        Assert.Equal(packed.Length, progress.Value);
    }

    private static async Task<(PumpedBlob Blob, byte[] Content)> PumpAsync(
        byte[] packed, ExpectedBlob? expected = null, BlobLimits? limits = null)
    {
        var pipe = new Pipe();
        var pumping = new BlobPump(expected ?? new("layer"), limits ?? new()).RunAsync(
            new MemoryStream(packed), pipe.Writer, null, TestContext.Current.CancellationToken);
        var content = await DrainAsync(pipe.Reader);
        return (await pumping.WaitAsync(TimeSpan.FromMinutes(1), TestContext.Current.CancellationToken), content);
    }

    private static async Task<byte[]> DrainAsync(PipeReader reader)
    {
        var content = new MemoryStream();
        await reader.CopyToAsync(content, TestContext.Current.CancellationToken);
        return content.ToArray();
    }

    private static Task<InvalidImageException> RefusedAsync(
        byte[] packed, ExpectedBlob? expected = null, BlobLimits? limits = null) =>
        Assert.ThrowsAsync<InvalidImageException>(() => PumpAsync(packed, expected, limits));

    private static Digest Sha256(byte[] bytes) => Digest.FromHash(SHA256.HashData(bytes));

    private sealed class Canceller(CancellationTokenSource cancel, long position) : IProgress<long>
    {
        public void Report(long value)
        {
            if (value >= position)
            {
                cancel.Cancel();
            }
        }
    }

    private sealed class LastReport : IProgress<long>
    {
        public long Value { get; private set; }

        public void Report(long value) => Value = value;
    }
}
