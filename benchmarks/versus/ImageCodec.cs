using System.IO.Compression;
using ZstdSharp;

namespace Versus;

/// <summary>How the layers of an image are packed.</summary>
internal sealed record ImageCodec(string Name, string MediaType, Func<Stream, Stream> Pack, Func<Stream, Stream> Unpack)
{
    private const string Archive = "application/vnd.oci.image.layer.v1.tar";

    public static readonly ImageCodec
        Gzip = new("gzip", $"{Archive}+gzip",
            output => new GZipStream(output, CompressionLevel.Optimal),
            input => new GZipStream(input, CompressionMode.Decompress)),
        Zstd = new("zstd", $"{Archive}+zstd",
            output => new CompressionStream(output, leaveOpen: false),
            input => new DecompressionStream(input, leaveOpen: false)),
        None = new("not packed", Archive, output => output, input => input);
}
