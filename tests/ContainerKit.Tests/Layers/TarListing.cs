using System.Buffers;
using System.IO.Pipelines;
using System.Text;

namespace ContainerKit.Tests.Layers;

/// <summary>A member that was read: all of it, as values that can be compared.</summary>
internal sealed record TarListed(
    TarEntryKind Kind, string Path, string LinkTarget, uint Mode, uint User, uint Group, long Size,
    (long Seconds, uint Nanoseconds) ModifiedAt, (uint Major, uint Minor) Device,
    string Attributes, string Extents, string Content)
{
    /// <summary>The content as it is once it is unpacked, holes and all.</summary>
    public string Unpacked { get; init; } = "";
}

/// <summary>Reads archives to their end.</summary>
internal static class TarListing
{
    /// <summary>Reads them from memory, in pieces of so many bytes.</summary>
    public static List<TarListed> Read(byte[] archive, TarLimits? limits = null, int piece = 65536)
    {
        var task = ReadAsync(new Pieces(archive, piece), limits);
        return task.GetAwaiter().GetResult();
    }

    public static async Task<List<TarListed>> ReadAsync(Stream archive, TarLimits? limits = null)
    {
        var reader = new TarReader(PipeReader.Create(archive), limits ?? TarLimits.Default);
        var members = new List<TarListed>();
        while (await reader.ReadAsync(TestContext.Current.CancellationToken) is { } entry)
        {
            var content = new ArrayBufferWriter<byte>();
            while (await reader.ReadContentAsync(TestContext.Current.CancellationToken) is { IsEmpty: false } part)
            {
                foreach (var segment in part)
                {
                    content.Write(segment.Span);
                }

                reader.AdvanceContent(part.Length);
            }

            members.Add(Copy(entry, content.WrittenSpan));
        }

        return members;
    }

    public static TarListed ReadOne(byte[] archive, TarLimits? limits = null) => Assert.Single(Read(archive, limits));

    /// <summary>That it is refused for this field of this member, which holds this.</summary>
    public static InvalidImageException Refuses(byte[] archive, string? entry, string field, string? value = null, TarLimits? limits = null)
    {
        var refusal = Assert.Throws<InvalidImageException>(() => Read(archive, limits));
        Assert.Equal(field, refusal.Field);
        if (entry is [.. var start, '…'])
        {
            Assert.StartsWith(start, refusal.Entry, StringComparison.Ordinal);
        }
        else
        {
            Assert.Equal(entry, refusal.Entry);
        }

        Assert.NotNull(refusal.Value);
        if (value is not null)
        {
            Assert.Equal(value, refusal.Value);
        }

        return refusal;
    }

    private static TarListed Copy(TarEntry entry, ReadOnlySpan<byte> content) => new(
        entry.Kind, Text(entry.Path.Span), Text(entry.LinkTarget.Span), entry.Mode, entry.User, entry.Group, entry.Size,
        entry.ModifiedAt, entry.Device,
        string.Join(";", entry.Attributes.Select(attribute => $"{Text(attribute.Name.Span)}={Text(attribute.Value.Span)}")),
        string.Join(";", entry.Extents.Select(extent => $"{extent.Offset}+{extent.Length}")),
        Text(content))
    {
        Unpacked = entry.Size > 1 << 20 ? "" : Unpack(entry, content),
    };

    private static string Unpack(TarEntry entry, ReadOnlySpan<byte> content)
    {
        if (entry.Extents.Count == 0)
        {
            return Text(content);
        }

        var file = new byte[entry.Size];
        foreach (var (offset, length) in entry.Extents)
        {
            content[..(int)length].CopyTo(file.AsSpan((int)offset));
            content = content[(int)length..];
        }

        return Text(file);
    }

    private static string Text(ReadOnlySpan<byte> bytes) => Encoding.Latin1.GetString(bytes);

    private sealed class Pieces(byte[] bytes, int piece) : MemoryStream(bytes, writable: false)
    {
        public override int Read(Span<byte> buffer) => base.Read(buffer[..Math.Min(piece, buffer.Length)]);

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            ValueTask.FromResult(Read(buffer.Span));
    }
}
