using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

internal sealed partial class TreeAccess
{
    /// <summary>
    /// Reads the attributes that an archive has of a file with this path; says whether it is a directory that hides
    /// those of the layers below.
    /// </summary>
    /// <exception cref="InvalidImageException">No archive of a layer can say what one means.</exception>
    public bool ReadAttributes(
        SafeFileHandle file, TreeForm form, ReadOnlySpan<byte> path, List<TarAttribute> attributes)
    {
        var isOpaque = false;
        for (ReadOnlySpan<byte> names = Syscall.ListAttributes(file); !names.IsEmpty;)
        {
            var name = names[..(names.IndexOf((byte)0) + 1)];
            names = names[name.Length..];
            var prefix = form == TreeForm.Overlay ? OverlayAttribute.Prefix(name) : [];
            var rest = name[prefix.Length..^1];
            var isData = prefix.IsEmpty;
            if (!isData && rest.StartsWith(OverlayAttribute.Escape))
            {
                rest = rest[OverlayAttribute.Escape.Length..];
                isData = true;
            }

            if (!isData && (rest.SequenceEqual("redirect"u8) || rest.SequenceEqual("metacopy"u8)))
            {
                throw Invalid(
                    "Part of a layer lies in the layers below it.", path, "xattr", TarEntry.Printable(name[..^1]));
            }

            if (!isData)
            {
                isOpaque |= rest.SequenceEqual("opaque"u8) && ReadAttribute(file, name) is [(byte)'y'];
            }
            else if (!name.SequenceEqual(OverlayAttribute.SecurityLabel) && ReadAttribute(file, name) is { } value)
            {
                attributes.Add(new((byte[])[.. prefix, .. rest], ForArchive(path, name, value)));
            }
        }

        // File systems list them in any order.
        attributes.Sort((one, other) => one.Name.Span.SequenceCompareTo(other.Name.Span));
        return isOpaque;
    }

    /// <summary>Whether a directory of a layer hides those of the layers below.</summary>
    public bool IsOpaque(SafeFileHandle directory) =>
        ReadAttribute(directory, OverlayAttribute.UserOpaque) is [(byte)'y'];

    /// <summary>Whether something of a layer says that there is nothing.</summary>
    public bool IsWhiteout(SafeFileHandle found, FileStatus status) => Whiteout.IsDevice(status)
        || (Whiteout.MayBeFile(status) && ReadAttribute(found, OverlayAttribute.UserWhiteout) is not null);

    /// <summary>The same by its name in a directory.</summary>
    public bool IsWhiteout(SafeFileHandle directory, ReadOnlySpan<byte> name, FileStatus status)
    {
        if (!Whiteout.MayBeFile(status) || Find(directory, name, out var found) is not null)
        {
            return Whiteout.IsDevice(status);
        }

        using (found)
        {
            return IsWhiteout(found!, status);
        }
    }

    /// <summary>
    /// What an archive has for the capabilities of a file, whose root is the container's; null when that has no number
    /// for their root.
    /// </summary>
    public byte[]? CapabilitiesOf(byte[] value) =>
        FileCapabilities.RootOf(value) is not { } root ? value
        : (ids is null ? root == Syscall.EffectiveUser ? 0 : root : ids.Map.Users.Inside(root)) is { } inside
            ? FileCapabilities.WithRoot(value, inside)
        : null;

    private byte[] ForArchive(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name, byte[] value) =>
        !name.SequenceEqual(FileCapabilities.Name) ? value : CapabilitiesOf(value) ?? throw Invalid(
            "A file has capabilities for a root user whom the map of ids lacks.", path, "security.capability",
            $"{FileCapabilities.RootOf(value)}");

    private static InvalidImageException Invalid(string message, ReadOnlySpan<byte> path, string field, string value) =>
        new(message, null, TarEntry.Printable(path), field, value);
}
