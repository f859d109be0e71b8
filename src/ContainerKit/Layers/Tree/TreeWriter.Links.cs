using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Hard links: to what the layer has made, at once; to what may still come, at the end.</summary>
internal sealed partial class TreeWriter
{
    private readonly List<PendingLink> _links = [];
    private readonly Dictionary<ReadOnlyMemory<byte>, PendingLink> _linkAt = new(PathComparer.Instance);

    private void AddLink(TarEntry entry, OpenDirectory directory)
    {
        _target.Set(entry.LinkTarget.Span, entry, "linkpath");
        if (_target.IsRoot || _target.IsWrittenAsDirectory || _target.LeadsThroughWhiteout
            || Whiteout.IsWhiteout(_target.Name) || _target.Whole.SequenceEqual(_path.Whole))
        {
            throw Invalid("No hard link can lead there.", entry, "linkpath", Printable(entry.LinkTarget));
        }

        if (!_made.Contains(_target.Whole) || !TryLink(_path, directory, entry.Name))
        {
            RemoveIfThere(directory, _path.Name);
            var link = new PendingLink(_store.Keep(_path.Whole), _store.Keep(_target.Whole));
            _links.Add(link);
            if (!_linkAt.TryAdd(link.Path, link))
            {
                _linkAt[link.Path].IsDone = true; // what comes last of one name is it
                _linkAt[link.Path] = link;
            }
        }
    }

    /// <summary>Makes a hard link to <see cref="_target"/>; false when that is not there.</summary>
    private bool TryLink(TreePath path, OpenDirectory directory, string entry)
    {
        if (_others.Enter(_target.Parent) is not { } parent
            || !Syscall.TryStatus(parent.Handle, _target.Name, out var status)
            || IsWhiteout(parent.Handle, _target.Name, status))
        {
            return false;
        }

        if (status.IsDirectory || status.IsA(FileType.S_IFCHR) || status.IsA(FileType.S_IFBLK))
        {
            throw new InvalidImageException("A hard link leads to a directory or a device.", null, entry, "linkpath",
                TarEntry.Printable(_target.Whole));
        }

        for (var attempt = 0; ; attempt++)
        {
            switch (Syscall.Link(parent.Handle, _target.Name, directory.Handle, path.Name))
            {
                case null:
                    return true;
                case Errno.EEXIST when attempt < MostAttempts:
                    RemoveIfThere(directory, path.Name);
                    if (parent.Handle.IsClosed)
                    {
                        return false; // it lay in what was in the way
                    }

                    break;
                case Errno.ENOENT:
                    return false;
                case { } error:
                    throw new LinuxException("linkat", error, entry);
            }
        }
    }

    /// <summary>Makes those that waited; one that leads to another after that.</summary>
    private void MakePendingLinks()
    {
        var waiting = new Stack<PendingLink>();
        foreach (var first in _links)
        {
            for (var link = first; link is { IsDone: false, IsWaiting: false };)
            {
                link.IsWaiting = true;
                waiting.Push(link);
                _linkAt.TryGetValue(link.Target, out link);
            }

            while (waiting.TryPop(out var link))
            {
                Make(link);
            }
        }
    }

    private void Make(PendingLink link)
    {
        link.IsDone = true;
        var entry = new TarEntry { Path = link.Path };
        _path.Set(link.Path.Span, entry, "path");
        _target.Set(link.Target.Span, entry, "linkpath");
        var directory = _walk.Enter(_path.Parent)!;
        var isThere = Syscall.TryStatus(directory.Handle, _path.Name, out var status)
            && !IsWhiteout(directory.Handle, _path.Name, status); // which what the layer has would replace
        if (!isThere && !TryLink(_path, directory, entry.Name))
        {
            throw Invalid("A hard link leads to what is not in the layer, or through a link.", entry, "linkpath",
                Printable(link.Target));
        }
    }

    private static string Printable(ReadOnlyMemory<byte> bytes) => TarEntry.Printable(bytes.Span);

    /// <summary>A hard link whose target was not there yet.</summary>
    private sealed class PendingLink(ReadOnlyMemory<byte> path, ReadOnlyMemory<byte> target)
    {
        public ReadOnlyMemory<byte> Path => path;

        public ReadOnlyMemory<byte> Target => target;

        public bool IsWaiting { get; set; }

        public bool IsDone { get; set; }
    }
}
