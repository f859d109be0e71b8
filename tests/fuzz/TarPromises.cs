using System.Buffers;
using System.IO.Pipelines;
using ContainerKit.Tests.Layers;

namespace ContainerKit.Fuzz;

/// <summary>What the reader of archives promises of any bytes.</summary>
internal static class TarPromises
{
    private const int Most = 1 << 20; // a hole of a sparse file is written

    private static readonly TarLimits Limits = new() { MaxEntries = 1000, MaxContent = ByteSize.GiB(16) };

    /// <summary>
    /// Reads an archive, and what is written of it: a refusal is one exception, and what is taken is the same again.
    /// </summary>
    public static void Check(byte[] archive)
    {
        MakeChecksumsRight(archive);
        if (TryRead(archive) is not { } members || !members.TrueForAll(CanBeWritten))
        {
            return;
        }

        var before = members.ConvertAll(Describe);
        var after = TryRead(Write(members))?.ConvertAll(Describe) ?? ["refused"];
        Require(before.SequenceEqual(after), $"{string.Join('\n', before)}\nbecomes\n{string.Join('\n', after)}");
    }

    // Who unpacks an archive refuses a member without a name.
    private static bool CanBeWritten((TarEntry Entry, byte[]? Content) member) =>
        member.Content is not null && !member.Entry.Path.IsEmpty
        && !member.Entry.Attributes.Exists(
            one => one.Name.Span.Contains((byte)'=') || PaxHeader.IsEncodedName(one.Name.Span));

    private static List<(TarEntry Entry, byte[]? Content)>? TryRead(byte[] archive)
    {
        try
        {
            return ReadAsync(archive).AsTask().GetAwaiter().GetResult();
        }
        catch (InvalidImageException)
        {
            return null;
        }
    }

    private static async ValueTask<List<(TarEntry Entry, byte[]? Content)>> ReadAsync(byte[] archive)
    {
        var reader = new TarReader(PipeReader.Create(new ReadOnlySequence<byte>(archive)), Limits);
        var (members, total) = (new List<(TarEntry, byte[]?)>(), 0L);
        while (await reader.ReadAsync() is { } entry)
        {
            var packed = new ArrayBufferWriter<byte>();
            while (await reader.ReadContentAsync() is { IsEmpty: false } part)
            {
                packed.Write(part.ToArray());
                reader.AdvanceContent(part.Length);
            }

            total += packed.WrittenCount;
            Require(total <= archive.Length, "There is more than was given.");
            members.Add((Copy(entry), Unpack(entry, packed.WrittenSpan)));
        }

        return members;
    }

    private static TarEntry Copy(TarEntry entry)
    {
        var copy = new TarEntry
        {
            Kind = entry.Kind,
            Path = entry.Path.ToArray(),
            LinkTarget = entry.LinkTarget.ToArray(),
            Mode = entry.Mode,
            User = entry.User,
            Group = entry.Group,
            Size = entry.Size,
            ModifiedAt = entry.ModifiedAt,
            Device = entry.Device,
        };
        copy.Attributes.AddRange(entry.Attributes.Select(
            one => new TarAttribute(one.Name.ToArray(), one.Value.ToArray())));
        return copy;
    }

    private static byte[]? Unpack(TarEntry entry, ReadOnlySpan<byte> packed)
    {
        if (entry.Extents.Count == 0 || entry.Size > Most)
        {
            return entry.Extents.Count == 0 ? packed.ToArray() : null;
        }

        var file = new byte[entry.Size];
        foreach (var (offset, length) in entry.Extents)
        {
            packed[..(int)length].CopyTo(file.AsSpan((int)offset));
            packed = packed[(int)length..];
        }

        return file;
    }

    private static byte[] Write(List<(TarEntry Entry, byte[]? Content)> members)
    {
        var archive = new MemoryStream();
        WriteAsync(PipeWriter.Create(archive), members).GetAwaiter().GetResult();
        return archive.ToArray();
    }

    private static async Task WriteAsync(PipeWriter output, List<(TarEntry Entry, byte[]? Content)> members)
    {
        var writer = new TarWriter(output);
        foreach (var (entry, content) in members)
        {
            await writer.WriteAsync(entry);
            await writer.WriteContentAsync(content);
        }

        await writer.CompleteAsync();
    }

    private static string Describe((TarEntry Entry, byte[]? Content) member)
    {
        var (entry, content) = member;
        var slash = entry.Kind is TarEntryKind.Directory && entry.Path.Span[^1] != '/' ? "2F" : "";
        return $"{entry.Kind} {Hex(entry.Path)}{slash} {Hex(entry.LinkTarget)} {entry.Mode} {entry.User} {entry.Group} "
            + $"{entry.Size} {entry.ModifiedAt} {entry.Device} {Convert.ToHexString(content!)} "
            + string.Join(',', entry.Attributes.Select(one => $"{Hex(one.Name)}={Hex(one.Value)}").Order());
    }

    private static string Hex(ReadOnlyMemory<byte> bytes) => Convert.ToHexString(bytes.Span);

    private static void Require(bool holds, string message)
    {
        if (!holds)
        {
            throw new InvalidOperationException(message);
        }
    }

    // Without a right checksum nothing behind it would ever be reached.
    private static void MakeChecksumsRight(byte[] archive)
    {
        for (var block = 0; block + 512 <= archive.Length; block += 512)
        {
            if (archive.AsSpan(block + 257, 5).SequenceEqual("ustar"u8))
            {
                TarForge.Checksum(archive.AsSpan(block, 512));
            }
        }
    }
}
