using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

internal sealed partial class TreeReader
{
    private void Describe(FileStatus status, int length)
    {
        _entry.Path = _path.AsMemory(0, length);
        _entry.Kind = KindOf(status);
        _entry.Mode = status.Mode & 0xFFFu;
        (_entry.User, _entry.Group) = _access.OwnersOf(status);
        _entry.ModifiedAt = (status.ModifiedSeconds, status.ModifiedNanoseconds);
        _entry.Device = _entry.IsDevice ? (status.Major, status.Minor) : default;
        if (ReadAttributes(_file!, _entry.Attributes, out var isOpaque) is { } refused)
        {
            throw Invalid("Part of a layer lies in the layers below it.", "xattr", TarEntry.Printable(refused));
        }

        _isOpaque |= isOpaque;
    }

    /// <summary>What something is to an archive.</summary>
    public static TarEntryKind KindOf(FileStatus status) => (FileType)(status.Mode & (uint)FileType.S_IFMT) switch
    {
        FileType.S_IFDIR => TarEntryKind.Directory,
        FileType.S_IFLNK => TarEntryKind.SymbolicLink,
        FileType.S_IFCHR => TarEntryKind.CharacterDevice,
        FileType.S_IFBLK => TarEntryKind.BlockDevice,
        FileType.S_IFIFO => TarEntryKind.Fifo,
        _ => TarEntryKind.RegularFile,
    };

    /// <summary>
    /// Reads the attributes that an archive has; gives the name of one that says that something lies elsewhere.
    /// </summary>
    public byte[]? ReadAttributes(SafeFileHandle file, List<TarAttribute> attributes, out bool isOpaque)
    {
        isOpaque = false;
        for (ReadOnlySpan<byte> names = Syscall.ListAttributes(file); !names.IsEmpty;)
        {
            var name = names[..(names.IndexOf((byte)0) + 1)];
            names = names[name.Length..];
            var prefix = _form == TreeForm.Overlay ? OverlayAttribute.Prefix(name) : [];
            var rest = name[prefix.Length..^1];
            var isData = prefix.IsEmpty;
            if (!isData && rest.StartsWith(OverlayAttribute.Escape))
            {
                rest = rest[OverlayAttribute.Escape.Length..];
                isData = true;
            }

            if (!isData && (rest.SequenceEqual("redirect"u8) || rest.SequenceEqual("metacopy"u8)))
            {
                return name[..^1].ToArray();
            }

            if (!isData)
            {
                isOpaque |= rest.SequenceEqual("opaque"u8) && _access.ReadAttribute(file, name) is [(byte)'y'];
            }
            else if (!name.SequenceEqual(OverlayAttribute.SecurityLabel)
                && _access.ReadAttribute(file, name) is { } value)
            {
                attributes.Add(new((byte[])[.. prefix, .. rest], ForArchive(name, value)));
            }
        }

        // File systems list them in any order.
        attributes.Sort((one, other) => one.Name.Span.SequenceCompareTo(other.Name.Span));
        return null;
    }

    private byte[] ForArchive(ReadOnlySpan<byte> name, byte[] value) =>
        !name.SequenceEqual(FileCapabilities.Name) ? value : _access.CapabilitiesOf(value) ?? throw Invalid(
            "A file has capabilities for a root user whom the map of ids lacks.", "security.capability",
            $"{FileCapabilities.RootOf(value)}");

    /// <summary>The pieces of a file, found one after the other: it may have any number.</summary>
    private static IEnumerable<TarExtent> FindPieces(SafeFileHandle content, long size)
    {
        for (var end = 0L; end < size && Syscall.Seek(content, end, hole: false) is { } start && start < size;)
        {
            end = Math.Min(size, Syscall.Seek(content, start, hole: true) ?? size);
            yield return new(start, end - start);
        }
    }
}
