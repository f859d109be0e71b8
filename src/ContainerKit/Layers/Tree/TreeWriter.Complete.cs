using System.Buffers;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

internal sealed partial class TreeWriter
{
    /// <summary>Does what can only be done at the end: links to what came later, and directories' attributes.</summary>
    public ValueTask CompleteAsync(CancellationToken cancellationToken)
    {
        EndContent();
        MakePendingLinks();
        _walk.Reset();
        _others.Reset();
        _directories.Sort();

        // Children first: their parents may be closed to this user then.
        PendingDirectory? said = null;
        for (var i = _directories.Count - 1; i >= 0; i--)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var pending = _directories[i];
            if (said is { } last && last.Path.Span.SequenceEqual(pending.Path.Span))
            {
                continue;
            }

            Complete(pending);
            said = pending.IsRestored ? null : pending;
        }

        return ValueTask.CompletedTask;
    }

    private void Complete(PendingDirectory pending)
    {
        var path = pending.Path.Span;
        if (_others.Enter(path) is { } directory)
        {
            SetAttributes(directory.Handle, pending);
            if (pending.IsImplied)
            {
                _implied.Write(path);
                _implied.Write("\0"u8);
            }
        }
        else if (!_removedDirectory)
        {
            throw new LinuxException("openat2", Errno.ESTALE, TarEntry.Printable(path));
        }
    }

    private void SetAttributes(SafeFileHandle directory, PendingDirectory pending)
    {
        if (pending.OnlyMode)
        {
            Syscall.ChangeMode(directory, pending.Mode);
            return;
        }

        if (pending.OnlyTime)
        {
            Syscall.ChangeTimes(directory, pending.ModifiedAt.Seconds, pending.ModifiedAt.Nanoseconds);
            return;
        }

        if (_owners.AreLater && (_removed || !_owners.AreMakers(pending.User, pending.Group)))
        {
            _owners.Keep(new(pending.Path, pending.User, pending.Group));
        }
        else if (pending.HadOthers || !_owners.AreMakers(pending.User, pending.Group))
        {
            _owners.Change(directory, pending.User, pending.Group);
        }

        if (pending.HadOthers)
        {
            RemoveAttributes(directory);
        }

        if (_form == TreeForm.Overlay || !pending.Path.IsEmpty)
        {
            Syscall.ChangeMode(directory, pending.Mode);
        }

        foreach (var attribute in pending.Attributes)
        {
            SetAttribute(directory, isOpen: true, attribute, TarEntry.Printable(pending.Path.Span));
        }

        Syscall.ChangeTimes(directory, pending.ModifiedAt.Seconds, pending.ModifiedAt.Nanoseconds);
    }

    /// <summary>Removes what was taken over from others, but not what the layer itself says of those below.</summary>
    private void RemoveAttributes(SafeFileHandle file)
    {
        for (ReadOnlySpan<byte> names = Syscall.ListAttributes(file); !names.IsEmpty;)
        {
            var name = names[..(names.IndexOf((byte)0) + 1)];
            names = names[name.Length..];
            if (!IsKept(name))
            {
                Syscall.RemoveAttribute(file, name);
            }
        }
    }

    private bool IsKept(ReadOnlySpan<byte> name) => name.SequenceEqual(OverlayAttribute.SecurityLabel)
        || (_form == TreeForm.Overlay && !OverlayAttribute.Prefix(name).IsEmpty)
        || (_owners.LeavesOutAttributes && !name.StartsWith("user."u8) && !name.StartsWith("system.posix_acl_"u8));
}
