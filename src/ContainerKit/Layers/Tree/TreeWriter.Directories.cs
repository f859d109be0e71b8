using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

internal sealed partial class TreeWriter
{
    /// <summary>Of directories while they are filled: 0700.</summary>
    private const uint OnlyOwner = 0x1C0;

    private readonly List<PendingDirectory> _directories = [];
    private bool _removedDirectory;

    /// <summary>
    /// Whether another may once have had the place of what is made; then what was to become of it must not become of
    /// this.
    /// </summary>
    private bool _removed;

    private void AddDirectory(TarEntry entry, OpenDirectory directory)
    {
        var isThere = false;
        for (var attempt = 0;
            !isThere && !Syscall.TryMakeDirectory(directory.Handle, _path.Name, OnlyOwner); attempt++)
        {
            if (Syscall.TryStatus(directory.Handle, _path.Name, out var status) && status.IsDirectory)
            {
                isThere = true;
                continue;
            }

            Remove(directory, _path.Name, attempt, entry);
            if (_form == TreeForm.Overlay && Syscall.TryMakeDirectory(directory.Handle, _path.Name, OnlyOwner))
            {
                // A directory of the layers below was hidden by what was there, and stays so.
                MakeOpaque(directory.Handle, _path.Name);
            }
        }

        var isOlder = isThere && !_made.MadeAll;
        Remember(entry, hadOthers: directory.Inherits || isOlder);
        if (isOlder)
        {
            _walk.Enter(_path.Whole); // lets this user into it: at the end it may be too late
        }
    }

    private void Remember(TarEntry entry, bool hadOthers) => _directories.Add(
        new(_store.Keep(_path.Whole), _directories.Count, entry.Mode, entry.User, entry.Group, entry.ModifiedAt)
        {
            HadOthers = hadOthers,
            Attributes = entry.Attributes.Count == 0
                ? [] : [.. entry.Attributes.Select(attribute => Keep(attribute, entry.Name))],
        });

    private TarAttribute Keep(TarAttribute attribute, string entry)
    {
        AttributeName(attribute.Name.Span, entry); // complains now about what it cannot set
        return new(_store.Keep(attribute.Name.Span), _store.Keep(attribute.Value.Span));
    }

    /// <summary>Opens the next directory on the way to a member, and makes it where it is missing.</summary>
    private OpenDirectory OpenOrMake(OpenDirectory parent, ReadOnlySpan<byte> path, int nameStart)
    {
        var name = DirectoryName(path, nameStart);
        var error = TryOpen(parent, name, path, out var opened);
        if (error is Errno.ENOENT or Errno.ENOTDIR or Errno.ELOOP)
        {
            MakeImplied(parent, path, nameStart, isThere: error is not Errno.ENOENT);
            error = TryOpen(parent, name, path, out opened);
        }

        if (opened is not null && !_made.Contains(path))
        {
            KeepTime(opened.Handle, path);
        }

        _made.Add(path);
        return opened ?? throw new LinuxException("openat2", error!.Value, TarEntry.Printable(path));
    }

    /// <summary>Opens the next directory on the way to something that is there.</summary>
    private OpenDirectory? OpenThere(OpenDirectory parent, ReadOnlySpan<byte> path, int nameStart)
    {
        _ = TryOpen(parent, DirectoryName(path, nameStart), path, out var opened);
        return opened;
    }

    private Errno? TryOpen(
        OpenDirectory parent, ReadOnlySpan<byte> name, ReadOnlySpan<byte> path, out OpenDirectory? opened)
    {
        var error = Syscall.OpenHeld(parent.Handle, name, OpenFlags.O_RDONLY, linkItself: false, out var handle);
        if (error is Errno.EACCES
            && Syscall.OpenHeld(parent.Handle, name, OpenFlags.O_PATH, linkItself: false, out var closed) is null)
        {
            using (closed)
            {
                OpenUp(closed!, path);
            }

            error = Syscall.OpenHeld(parent.Handle, name, OpenFlags.O_RDONLY, linkItself: false, out handle);
        }

        opened = handle is null ? null : _made.MadeAll ? new(handle, parent.Inherits) : OpenOlder(handle, path);
        return error;
    }

    private OpenDirectory OpenOlder(SafeFileHandle directory, ReadOnlySpan<byte> path)
    {
        OpenUp(directory, path);
        return OpenDirectory.Of(directory);
    }

    /// <summary>Lets an ordinary user into its directory of an earlier layer, up to the end.</summary>
    private void OpenUp(SafeFileHandle directory, ReadOnlySpan<byte> path)
    {
        var status = Syscall.Status(directory);
        var mode = status.Mode & 0xFFFu;
        if ((mode & OnlyOwner) != OnlyOwner && status.Owner == Syscall.EffectiveUser)
        {
            Syscall.ChangeMode(Syscall.PathOf(directory), mode | OnlyOwner);
            _directories.Add(new(_store.Keep(path), -1, mode, 0, 0, default) { OnlyMode = true }); // any other is later
        }
    }

    /// <summary>
    /// Gives a directory of an earlier layer its time back at the end, unless this layer says another.
    /// </summary>
    private void KeepTime(SafeFileHandle directory, ReadOnlySpan<byte> path)
    {
        var status = Syscall.Status(directory);
        var time = (status.ModifiedSeconds, status.ModifiedNanoseconds);
        _directories.Add(new(_store.Keep(path), -1, 0, 0, 0, time) { OnlyTime = true });
    }

    /// <summary>
    /// Makes a directory that no member was about, as most do: root's, 0755, and from the beginning of time. A link of
    /// an earlier layer in its place gives way, as it does where layers are unpacked by themselves; one of this layer
    /// is an attempt to be led elsewhere.
    /// </summary>
    private void MakeImplied(OpenDirectory parent, ReadOnlySpan<byte> path, int nameStart, bool isThere)
    {
        var name = DirectoryName(path, nameStart)[..^1]; // without the slash
        _name[name.Length - 1] = 0;
        var wasWhiteout = isThere && Syscall.TryStatus(parent.Handle, name, out var status)
            && IsWhiteout(parent.Handle, name, status);
        if (isThere && !wasWhiteout && _made.Contains(path))
        {
            throw new InvalidImageException("A member leads through what is no directory in the same layer.", null,
                TarEntry.Printable(_path.Whole), "path", TarEntry.Printable(path));
        }

        if (isThere)
        {
            RemoveIfThere(parent, name);
        }

        Syscall.TryMakeDirectory(parent.Handle, name, OnlyOwner);
        if (wasWhiteout)
        {
            MakeOpaque(parent.Handle, name);
        }

        _name[name.Length - 1] = (byte)'/';
        _directories.Add(new(_store.Keep(path), _directories.Count, 0x1ED, 0, 0, default)
        {
            HadOthers = parent.Inherits,
            IsImplied = !wasWhiteout,
        });
    }

    /// <summary>A name that nothing but a directory can be opened by.</summary>
    private ReadOnlySpan<byte> DirectoryName(ReadOnlySpan<byte> path, int nameStart)
    {
        var length = path.Length - nameStart;
        path[nameStart..].CopyTo(_name);
        (_name[length], _name[length + 1]) = ((byte)'/', 0);
        return _name.AsSpan(0, length + 2);
    }
}
