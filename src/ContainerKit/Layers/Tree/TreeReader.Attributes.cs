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
        _isOpaque |= _access.ReadAttributes(_file!, _form, _path.AsSpan(0, _length), _entry.Attributes);
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
