using System.IO.Compression;
using ContainerKit.Images;
using ICSharpCode.SharpZipLib.BZip2;
using ZstdSharp.Unsafe;

namespace ContainerKit.Tests.Images;

/// <summary>Bytes in each form that a layer may have.</summary>
internal static class Packed
{
    public static byte[] As(Codec codec, byte[] content) => codec switch
    {
        Codec.Gzip => Gzip(content),
        Codec.Zstd => Zstd(content),
        Codec.Bzip2 => Bzip2(content),
        _ => content,
    };

    public static byte[] Gzip(ReadOnlySpan<byte> content)
    {
        var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(content);
        }

        return packed.ToArray();
    }

    public static byte[] Zstd(ReadOnlySpan<byte> content, int? windowLog = null)
    {
        using var compressor = new ZstdSharp.Compressor();
        compressor.SetParameter(ZSTD_cParameter.ZSTD_c_checksumFlag, 1);
        if (windowLog is { } log)
        {
            compressor.SetParameter(ZSTD_cParameter.ZSTD_c_windowLog, log);
            compressor.SetParameter(ZSTD_cParameter.ZSTD_c_contentSizeFlag, 0);
        }

        return compressor.Wrap(content).ToArray();
    }

    public static byte[] Bzip2(ReadOnlySpan<byte> content)
    {
        var packed = new MemoryStream();
        using (var bzip2 = new BZip2OutputStream(packed, 1) { IsStreamOwner = false })
        {
            bzip2.Write(content);
        }

        return packed.ToArray();
    }

    /// <summary>Bytes that can be packed, but not to nothing.</summary>
    public static byte[] Content(int length, int seed = 1)
    {
        var (random, content) = (new Random(seed), new byte[length]);
        random.NextBytes(content);
        for (var i = 0; i < length; i++)
        {
            content[i] &= 0x1F;
        }

        return content;
    }
}
