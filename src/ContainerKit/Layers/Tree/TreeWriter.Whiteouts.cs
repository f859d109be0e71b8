using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>What a layer says is gone; only of the layers below, whatever the order.</summary>
internal sealed partial class TreeWriter
{
    private bool _marksWhiteouts; // since the file system makes no devices 0:0
    private OpenDirectory? _hiding; // the last directory that was said to hold whiteouts

    private void AddWhiteout(TarEntry entry, OpenDirectory directory)
    {
        var hidden = _path.Name[Whiteout.Prefix.Length..];
        if (_path.Name[..^1].SequenceEqual(Whiteout.Opaque))
        {
            HideAll(directory);
        }
        else if (entry.Kind is not (TarEntryKind.RegularFile or TarEntryKind.HardLink) // AUFS had links of one file
            || hidden is [0] or [(byte)'.', 0] or [(byte)'.', (byte)'.', 0] || Whiteout.IsWhiteout(hidden))
        {
            throw Invalid("Nothing can be taken away from lower layers like this.", entry, "path", entry.Name);
        }
        else if (_form == TreeForm.Overlay)
        {
            Hide(directory, hidden);
        }
        else
        {
            RemoveLower(directory.Handle, Join(_path.Parent, hidden[..^1]), hidden);
        }
    }

    private void HideAll(OpenDirectory directory)
    {
        IsOpaque |= _path.Parent.IsEmpty;
        if (_form == TreeForm.Overlay)
        {
            MakeOpaque(directory.Handle);
        }
        else
        {
            RemoveLowerIn(directory.Handle, _path.Parent);
        }
    }

    private void Hide(OpenDirectory directory, ReadOnlySpan<byte> name)
    {
        if (TryMakeWhiteout(directory.Handle, name))
        {
            TellOfWhiteouts(directory);
        }
        else if (Syscall.TryStatus(directory.Handle, name, out var status) && status.IsDirectory)
        {
            MakeOpaque(directory.Handle, name);
        }
    }

    /// <summary>
    /// Says that a directory holds whiteouts, as a copied one may: where overlayfs merges it with no other, since it is
    /// opaque or there is none below, readdir(3) would list them otherwise.
    /// </summary>
    private void TellOfWhiteouts(OpenDirectory directory)
    {
        if (_hiding == directory)
        {
            return;
        }

        _hiding = directory;
        TellOf(directory.Handle, OverlayAttribute.UserOrigin);
        TellOf(directory.Handle, OverlayAttribute.TrustedOrigin);
    }

    private static void TellOf(SafeFileHandle directory, ReadOnlySpan<byte> origin)
    {
        if (Syscall.SetAttribute(directory, origin, []) is { } error and not (Errno.EPERM or Errno.ENOTSUP))
        {
            throw new LinuxException("fsetxattr", error, TarEntry.Printable(origin[..^1]));
        }
    }

    private bool TryMakeWhiteout(SafeFileHandle directory, ReadOnlySpan<byte> name)
    {
        try
        {
            return _marksWhiteouts
                ? TryMark(directory, name) : Syscall.TryMakeNode(directory, name, (uint)FileType.S_IFCHR);
        }
        catch (LinuxException refused) when (refused is { Call: "mknodat", Errno: Errno.EPERM })
        {
            if (!Syscall.IsOnOverlay(directory)) // elsewhere, kernels before 6.7 would show empty files
            {
                throw new LinuxException(
                    refused.Call, refused.Errno, refused.Path!,
                    "What a layer takes away is a device 0:0, which is refused here: allow mknod in the filter of "
                        + "system calls, or keep the store on another file system.");
            }

            _marksWhiteouts = true;
            return TryMark(directory, name);
        }
    }

    /// <summary>Makes an empty file that is marked, and says in its directory that there are such.</summary>
    private static bool TryMark(SafeFileHandle directory, ReadOnlySpan<byte> name)
    {
        using var file = Syscall.TryCreate(directory, name, Whiteout.FileMode);
        if (file is null)
        {
            return false;
        }

        Syscall.ChangeMode(file, Whiteout.FileMode); // whatever the umask is
        SetOfOverlay(file, OverlayAttribute.UserWhiteout, "y"u8);
        if (Syscall.ReadAttribute(directory, OverlayAttribute.UserOpaque) is null)
        {
            SetOfOverlay(directory, OverlayAttribute.UserOpaque, "x"u8);
        }

        return true;
    }

    private static void SetOfOverlay(SafeFileHandle file, ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (Syscall.SetAttribute(file, name, value) is { } error)
        {
            throw new LinuxException("fsetxattr", error, TarEntry.Printable(name[..^1]));
        }
    }

    private static void MakeOpaque(SafeFileHandle parent, ReadOnlySpan<byte> name)
    {
        using var directory = Syscall.OpenEntry(parent, name, OpenFlags.O_RDONLY);
        MakeOpaque(directory);
    }

    /// <summary>Says it in the words of both kinds of overlay, where this user may.</summary>
    private static void MakeOpaque(SafeFileHandle directory)
    {
        var forUsers = Syscall.SetAttribute(directory, OverlayAttribute.UserOpaque, "y"u8);
        var forRoot = Syscall.SetAttribute(directory, OverlayAttribute.TrustedOpaque, "y"u8);
        if (forRoot is not null && forUsers is { } error)
        {
            throw new LinuxException("fsetxattr", error, "user.overlay.opaque");
        }
    }

    /// <summary>Removes what was there before the layer: all of it, or what lies among what the layer made.</summary>
    private void RemoveLower(SafeFileHandle parent, ReadOnlySpan<byte> path, ReadOnlySpan<byte> name)
    {
        if (_made.MadeAll || !Syscall.TryStatus(parent, name, out var status))
        {
            return;
        }

        if (!_made.Contains(path))
        {
            if (status.IsDirectory || !Syscall.TryUnlink(parent, name))
            {
                HostileTree.Remove(parent, name.ToArray());
                _others.Reset();
            }
        }
        else if (status.IsDirectory)
        {
            using var directory = Syscall.OpenEntry(parent, name, OpenFlags.O_RDONLY);
            RemoveLowerIn(directory, path);
        }
    }

    private void RemoveLowerIn(SafeFileHandle directory, ReadOnlySpan<byte> path)
    {
        if (_made.MadeAll)
        {
            return;
        }

        var names = new List<byte[]>();
        var reader = new DirectoryReader(directory);
        reader.Rewind(); // the descriptor may be one that was read before
        while (reader.Next() is { IsEmpty: false } name)
        {
            names.Add(name.ToArray());
        }

        foreach (var name in names)
        {
            RemoveLower(directory, Join(path, name.AsSpan(..^1)), name);
        }
    }

    private static byte[] Join(ReadOnlySpan<byte> path, ReadOnlySpan<byte> name) =>
        path.IsEmpty ? name.ToArray() : [.. path, (byte)'/', .. name];

    private bool IsWhiteout(SafeFileHandle directory, ReadOnlySpan<byte> name, FileStatus status) =>
        _form == TreeForm.Overlay && Whiteout.IsOfOverlay(directory, name, status);
}
