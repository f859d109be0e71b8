using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

internal sealed partial class TreeWriter
{
    private const int MaxAttributeName = 255; // XATTR_NAME_MAX

    private readonly byte[] _attribute = new byte[MaxAttributeName + 1];

    /// <summary>
    /// Sets an extended attribute. A label of SELinux is the host's to give, not the archive's.
    /// </summary>
    private void SetAttribute(SafeFileHandle file, bool isOpen, TarAttribute attribute, string entry)
    {
        var name = AttributeName(attribute.Name.Span, entry);
        if (name.SequenceEqual(OverlayAttribute.SecurityLabel))
        {
            return;
        }

        var error = isOpen ? Syscall.SetAttribute(file, name, attribute.Value.Span)
            : Syscall.SetAttributeOfNamed(file, name, attribute.Value.Span);
        if (error is { } found && !(_owners.LeavesOutAttributes && found is Errno.EPERM or Errno.ENOTSUP))
        {
            throw new LinuxException(
                "setxattr", found, $"{entry}, {TarEntry.Printable(attribute.Name.Span)}");
        }
    }

    /// <summary>The name to set, with a NUL; that of one of overlayfs's own is escaped, as it does itself.</summary>
    private ReadOnlySpan<byte> AttributeName(ReadOnlySpan<byte> name, string entry)
    {
        var prefix = OverlayAttribute.Prefix(name);
        var inserted = prefix.IsEmpty ? [] : OverlayAttribute.Escape;
        if (name.IsEmpty || name.Contains((byte)0) || name.Length + inserted.Length > MaxAttributeName)
        {
            throw new InvalidImageException(
                "No extended attribute has this name.", null, entry, "xattr", TarEntry.Printable(name));
        }

        if (!prefix.IsEmpty && _form == TreeForm.Plain)
        {
            throw new InvalidImageException("Attributes of overlayfs are not unpacked into a root filesystem.", null,
                entry, "xattr", TarEntry.Printable(name));
        }

        prefix.CopyTo(_attribute);
        inserted.CopyTo(_attribute.AsSpan(prefix.Length));
        name[prefix.Length..].CopyTo(_attribute.AsSpan(prefix.Length + inserted.Length));
        var length = name.Length + inserted.Length;
        _attribute[length] = 0;
        return _attribute.AsSpan(0, length + 1);
    }
}
