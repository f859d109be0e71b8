using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

internal sealed partial class TreeWriter
{
    private SafeFileHandle? _file;
    private TarEntry _entry = null!;
    private bool _inherited;
    private long _written, _inExtent;
    private int _extent;

    /// <summary>The access list of a file; acl(5).</summary>
    private static ReadOnlySpan<byte> Access => "system.posix_acl_access\0"u8;

    /// <summary>Writes content of the file that was added last; that of anything else goes nowhere.</summary>
    /// <exception cref="InvalidImageException">It is more than the member said.</exception>
    public void Write(ReadOnlySpan<byte> content)
    {
        if (_file is null)
        {
            return;
        }

        _written += content.Length;
        if (_entry.Extents.Count > 0)
        {
            WriteExtents(_file, content);
            return;
        }

        if (_written > _entry.Size)
        {
            throw Invalid("A file has more content than it is long.", _entry, "size", $"{_entry.Size}");
        }

        Syscall.WriteAll(_file, content);
    }

    /// <summary>
    /// Writes all content of the file that was added last as another has it, in pieces between holes; zeros where that
    /// has become shorter.
    /// </summary>
    public void CopyContent(SafeFileHandle source, IEnumerable<TarExtent> pieces)
    {
        if (_file is null)
        {
            return;
        }

        foreach (var piece in pieces)
        {
            Syscall.CopyRange(source, _file, piece.Offset, piece.Length);
        }

        Syscall.Truncate(_file, _entry.Size);
        _written = _entry.Size;
    }

    /// <summary>Gives the file that was added last all but its content, and closes it.</summary>
    /// <exception cref="InvalidImageException">Not all of its content came.</exception>
    public void EndContent()
    {
        if (_file is null)
        {
            return;
        }

        using var file = _file;
        _file = null;
        if (_entry.Extents.Count > 0)
        {
            EndExtents(file);
        }
        else if (_written != _entry.Size)
        {
            throw Invalid("A file has less content than it is long.", _entry, "size", $"{_entry.Size}");
        }

        SetAttributes(file, _entry);
    }

    private void BeginFile(TarEntry entry, OpenDirectory directory)
    {
        for (var attempt = 0; ; attempt++)
        {
            _file = Syscall.TryCreate(directory.Handle, _path.Name, entry.Mode & 0x1FF);
            if (_file is not null)
            {
                break;
            }

            Remove(directory, _path.Name, attempt, entry);
        }

        (_entry, _inherited, _written, _inExtent, _extent) = (entry, directory.Inherits, 0, 0, 0);
    }

    private void WriteExtents(SafeFileHandle file, ReadOnlySpan<byte> content)
    {
        while (!content.IsEmpty)
        {
            if (_extent == _entry.Extents.Count)
            {
                throw Invalid("A file has more content than its extents.", _entry, "size", $"{_entry.Size}");
            }

            var extent = _entry.Extents[_extent];
            if (extent.Offset < 0 || extent.Length < 0 || extent.Length > _entry.Size - extent.Offset)
            {
                throw Invalid("An extent lies beyond the end of its file.", _entry, "extent",
                    $"{extent.Offset}+{extent.Length}");
            }

            var count = (int)Math.Min(content.Length, extent.Length - _inExtent);
            Syscall.WriteAll(file, content[..count], extent.Offset + _inExtent);
            content = content[count..];
            _inExtent += count;
            if (_inExtent == extent.Length)
            {
                (_extent, _inExtent) = (_extent + 1, 0);
            }
        }
    }

    private void EndExtents(SafeFileHandle file)
    {
        var all = 0L;
        foreach (var extent in _entry.Extents)
        {
            all += extent.Length;
        }

        if (_written != all)
        {
            throw Invalid("A file has less content than its extents.", _entry, "size", $"{_entry.Size}");
        }

        Syscall.Truncate(file, _entry.Size);
    }

    /// <summary>
    /// The owners come first: to change them takes set-user-ID and file capabilities away, as writing does.
    /// </summary>
    private void SetAttributes(SafeFileHandle file, TarEntry entry)
    {
        if (_owners.AreLater)
        {
            KeepOwners(entry);
        }
        else if (_inherited || !_owners.AreMakers(entry.User, entry.Group))
        {
            _owners.Change(file, entry.User, entry.Group);
        }

        if (_inherited)
        {
            Syscall.RemoveAttribute(file, Access);
        }

        if (_inherited || (entry.Mode & (_umask | Special)) != 0)
        {
            Syscall.ChangeMode(file, entry.Mode);
        }

        foreach (var attribute in entry.Attributes)
        {
            SetAttribute(file, isOpen: true, attribute, entry.Name);
        }

        Syscall.ChangeTimes(file, entry.ModifiedAt.Seconds, entry.ModifiedAt.Nanoseconds);
    }

    /// <summary>
    /// The same for what has just been made and is no file. By its name another may be found by now: only what nobody
    /// else has a name for is changed.
    /// </summary>
    private void SetAttributes(TarEntry entry, OpenDirectory directory, FileType type)
    {
        var isLink = type == FileType.S_IFLNK;
        var error = Syscall.OpenHeld(directory.Handle, _path.Name, OpenFlags.O_PATH, isLink, out var opened);
        using var made = opened ?? throw new LinuxException("openat2", error!.Value, entry.Name);
        if (Syscall.Status(made) is var status && (!status.IsA(type) || status.Links != 1))
        {
            throw new LinuxException("openat2", Errno.ESTALE, entry.Name);
        }

        if (_owners.AreLater)
        {
            KeepOwners(entry);
        }
        else if (directory.Inherits || !_owners.AreMakers(entry.User, entry.Group))
        {
            _owners.ChangeNamed(made, entry.User, entry.Group);
        }

        if (!isLink && (status.Mode & 0xFFF) != entry.Mode)
        {
            Syscall.ChangeMode(Syscall.PathOf(made), entry.Mode);
        }

        foreach (var attribute in entry.Attributes)
        {
            SetAttribute(made, isOpen: false, attribute, entry.Name);
        }

        Syscall.ChangeTimesOfNamed(made, entry.ModifiedAt.Seconds, entry.ModifiedAt.Nanoseconds);
    }

    private void KeepOwners(TarEntry entry)
    {
        var isFile = entry.Kind == TarEntryKind.RegularFile;
        var capabilities = !isFile ? default
            : entry.Attributes.Find(attribute => attribute.Name.Span.SequenceEqual("security.capability"u8)).Value;
        if (_removed || !capabilities.IsEmpty || !_owners.AreMakers(entry.User, entry.Group))
        {
            _owners.Keep(new(_store.Keep(_path.Whole), entry.User, entry.Group)
            {
                Mode = isFile && (entry.Mode & Special) != 0 ? entry.Mode : null,
                Capabilities = capabilities.IsEmpty ? default : _store.Keep(capabilities.Span),
            });
        }
    }
}
