using System.Buffers;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Makes the files of a layer's archive below a directory, one member after the other. It knows directories by
/// descriptors alone, each opened from the one that holds it and through no link, so that neither the archive nor one
/// who changes the tree meanwhile leads it out. What is left half made after a failure is the caller's to remove.
/// </summary>
internal sealed partial class TreeWriter : IDisposable
{
    /// <summary>How often something that others put in the way is removed.</summary>
    private const int MostAttempts = 16;

    private const uint Special = 0xE00; // 07000

    private readonly TreeForm _form;
    private readonly TreeOwners _owners;
    private readonly TreePath _path, _target;
    private readonly ByteStore _store;
    private readonly MadePaths _made;
    private readonly OpenDirectory _root;
    private readonly DirectoryWalk _walk, _others;
    private readonly uint _umask = Umask();
    private readonly byte[] _name = new byte[258]; // of a directory: 255 bytes, and what makes it one
    private readonly ArrayBufferWriter<byte> _implied = new();
    private byte[] _text = new byte[256];

    /// <summary>Begins a layer in a directory, whose descriptor stays the caller's.</summary>
    public TreeWriter(SafeFileHandle root, TreeForm form, TreeOwners owners, TreeLimits limits)
    {
        (_form, _owners) = (form, owners);
        (_path, _target, _store) = (new(limits), new(limits), new(limits.MaxRemembered));
        _root = OpenOlder(Syscall.OpenEntry(root, ".\0"u8, OpenFlags.O_RDONLY), []);
        _walk = new(_root, OpenOrMake);
        _others = new(_root, OpenThere);
        _made = new(form == TreeForm.Overlay || new DirectoryReader(_root.Handle).Next().IsEmpty, _store);
        _removed = !_made.MadeAll;
        if (!_made.MadeAll)
        {
            KeepTime(_root.Handle, []);
        }
    }

    /// <summary>Whether the layer hides all below it, which no attribute of its root can tell overlayfs.</summary>
    public bool IsOpaque { get; private set; }

    /// <summary>
    /// The permissions that the layer gives its root; null when it says nothing of them. Those of a plain tree are the
    /// caller's to set: more layers may come, and nobody is to enter before.
    /// </summary>
    public uint? RootMode { get; private set; }

    /// <summary>
    /// The paths of the directories of which the layer says nothing but that something lies in them, each with a NUL;
    /// once it is complete.
    /// </summary>
    public ReadOnlyMemory<byte> Implied => _implied.WrittenMemory;

    /// <summary>Makes what a member describes; a file stays open for its content.</summary>
    /// <exception cref="InvalidImageException">No such thing can be in a layer.</exception>
    public void Add(TarEntry entry)
    {
        EndContent();
        _path.Set(entry.Path.Span, entry, "path");
        if (_path.Whole.StartsWith(Whiteout.OfAufs) && !_path.Whole.SequenceEqual(Whiteout.Opaque))
        {
            return;
        }

        Check(entry);
        if (_path.IsRoot)
        {
            RootMode = entry.Mode;
            Remember(entry, hadOthers: _form == TreeForm.Plain);
            return;
        }

        var directory = _walk.Enter(_path.Parent)!;
        if (Whiteout.IsWhiteout(_path.Name))
        {
            AddWhiteout(entry, directory);
            return;
        }

        Make(entry, directory);
        _made.Add(_path.Whole);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _file?.Dispose();
        _walk.Dispose();
        _others.Dispose();
        _root.Dispose();
    }

    private void Check(TarEntry entry)
    {
        if (entry.Kind != TarEntryKind.Directory && (_path.IsRoot || _path.IsWrittenAsDirectory))
        {
            throw Invalid("Only a directory can have such a name.", entry, "path", entry.Name);
        }

        if (_path.LeadsThroughWhiteout)
        {
            throw Invalid("What takes away from lower layers is no directory.", entry, "path", entry.Name);
        }

        if (entry.User == uint.MaxValue || entry.Group == uint.MaxValue)
        {
            var field = entry.User == uint.MaxValue ? "uid" : "gid";
            throw Invalid("No one has this number: to the kernel it means nobody.", entry, field, $"{uint.MaxValue}");
        }
    }

    private void Make(TarEntry entry, OpenDirectory directory)
    {
        switch (entry.Kind)
        {
            case TarEntryKind.Directory:
                AddDirectory(entry, directory);
                break;
            case TarEntryKind.HardLink:
                AddLink(entry, directory);
                break;
            case TarEntryKind.RegularFile:
                BeginFile(entry, directory);
                break;
            case TarEntryKind.SymbolicLink:
                AddSymbolicLink(entry, directory);
                break;
            default:
                AddNode(entry, directory);
                break;
        }
    }

    private void AddSymbolicLink(TarEntry entry, OpenDirectory directory)
    {
        const int longest = 4095; // PATH_MAX without the NUL
        var target = entry.LinkTarget.Span;
        if (target.Length is 0 or > longest || target.Contains((byte)0))
        {
            throw Invalid("No symbolic link can lead there.", entry, "linkpath", TarEntry.Printable(target));
        }

        Replacing(directory, entry, () =>
            Syscall.TryMakeSymbolicLink(Terminated(entry.LinkTarget.Span), directory.Handle, _path.Name));
        SetAttributes(entry, directory, FileType.S_IFLNK);
    }

    private void AddNode(TarEntry entry, OpenDirectory directory)
    {
        var type = entry.Kind switch
        {
            TarEntryKind.CharacterDevice => FileType.S_IFCHR,
            TarEntryKind.BlockDevice => FileType.S_IFBLK,
            _ => FileType.S_IFIFO,
        };
        if (type != FileType.S_IFIFO)
        {
            Check(entry.Device, entry);
        }

        if (type == FileType.S_IFIFO || _owners.MakesDevices)
        {
            var device = type == FileType.S_IFIFO ? default : entry.Device;
            Replacing(directory, entry, () =>
                Syscall.TryMakeNode(directory.Handle, _path.Name, (uint)type | (entry.Mode & 0x1FF), device));
            SetAttributes(entry, directory, type);
        }
        else
        {
            RemoveIfThere(directory, _path.Name);
        }
    }

    private static void Check((uint Major, uint Minor) device, TarEntry entry)
    {
        const uint majors = 1 << 12, minors = 1 << 20;
        if (device == default || device.Major >= majors || device.Minor >= minors)
        {
            throw Invalid("No device has this number; overlayfs uses 0:0 for what is gone.", entry, "device",
                $"{device.Major}:{device.Minor}");
        }
    }

    /// <summary>Makes something, and removes what is in its way.</summary>
    private void Replacing(OpenDirectory directory, TarEntry entry, Func<bool> tryMake)
    {
        for (var attempt = 0; !tryMake(); attempt++)
        {
            Remove(directory, _path.Name, attempt, entry);
        }
    }

    private void Remove(OpenDirectory directory, ReadOnlySpan<byte> name, int attempt, TarEntry entry)
    {
        if (attempt == MostAttempts)
        {
            throw new LinuxException("openat", Errno.EEXIST, entry.Name); // somebody makes it again and again
        }

        RemoveIfThere(directory, name);
    }

    private void RemoveIfThere(OpenDirectory directory, ReadOnlySpan<byte> name)
    {
        if (Syscall.TryStatus(directory.Handle, name, out var status))
        {
            _removed = true;
            if (!status.IsDirectory && Syscall.TryUnlink(directory.Handle, name))
            {
                return;
            }

            HostileTree.Remove(directory.Handle, name.ToArray());
            _removedDirectory = true;
            _others.Reset();
        }
    }

    private byte[] Terminated(ReadOnlySpan<byte> text)
    {
        if (_text.Length <= text.Length)
        {
            _text = new byte[2 * text.Length];
        }

        text.CopyTo(_text);
        _text[text.Length] = 0;
        return _text;
    }

    private static uint Umask()
    {
        const string field = "\nUmask:\t";
        var status = Syscall.ReadText("/proc/thread-self/status");
        var start = status.IndexOf(field, StringComparison.Ordinal) + field.Length;
        return Convert.ToUInt32(status[start..status.IndexOf('\n', start)], 8);
    }

    private static InvalidImageException Invalid(string message, TarEntry entry, string field, string value) =>
        new(message, null, entry.Name, field, value);
}
