using ICSharpCode.SharpZipLib;
using ZstdSharp;
using ZstdSharp.Unsafe;

namespace ContainerKit.Images;

/// <summary>The form a layer's archive is packed in.</summary>
internal enum Codec
{
    None,
    Gzip,
    Zstd,
    Bzip2,
}

/// <summary>
/// Tells the forms apart and unpacks them, always in this process: no other program is ever executed.
/// </summary>
internal static class Codecs
{
    /// <summary>So many bytes tell which form it is.</summary>
    public const int MagicLength = 6;

    /// <summary>The form of what begins with these bytes.</summary>
    /// <exception cref="InvalidImageException">It is one that is not read here.</exception>
    public static Codec Detect(ReadOnlySpan<byte> start, string name) => start switch
    {
        [0x1F, 0x8B, ..] => Codec.Gzip,
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Codec.Zstd,
        [>= 0x50 and <= 0x5F, 0x2A, 0x4D, 0x18, ..] => Codec.Zstd, // a frame to be skipped
        [(byte)'B', (byte)'Z', (byte)'h', >= (byte)'1' and <= (byte)'9', 0x31 or 0x17, ..] => Codec.Bzip2,
        [0xFD, (byte)'7', (byte)'z', (byte)'X', (byte)'Z', 0] => throw new InvalidImageException(
            "Archives in xz form are not read: pack it with gzip or zstd.", entry: name, field: "codec", value: "xz"),
        _ => Codec.None,
    };

    /// <summary>
    /// The unpacked bytes. What is damaged, cut off or followed by something else fails by an exception.
    /// </summary>
    public static Stream Unpack(Codec codec, BlobInput input, BlobLimits limits) => codec switch
    {
        Codec.Gzip => new GzipUnpacker(input),
        Codec.Zstd => UnpackZstd(input, limits.MaxZstdWindow),
        Codec.Bzip2 => new Bzip2Unpacker(input),
        _ => input,
    };

    /// <summary>Whether an exception says that packed bytes are not what they must be.</summary>
    public static bool IsDamage(Codec codec, Exception exception) => exception switch
    {
        InvalidDataException or EndOfStreamException => true,
        ZstdException => codec == Codec.Zstd,
        // Its decoder trusts lengths and indexes; the runtime's bounds checks are what stops them.
        SharpZipBaseException or IndexOutOfRangeException or ArgumentException or OverflowException =>
            codec == Codec.Bzip2,
        _ => false,
    };

    private static DecompressionStream UnpackZstd(BlobInput input, ByteSize maxWindow)
    {
        var stream = new DecompressionStream(input, bufferSize: BlobInput.BufferSize);
        stream.SetParameter(ZSTD_dParameter.ZSTD_d_windowLogMax, (int)long.Log2(maxWindow.Bytes));
        return stream;
    }
}
