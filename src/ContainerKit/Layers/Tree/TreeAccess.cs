using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Reads trees that may be closed to this user, since they belong to mapped ids: what is refused, a launcher in their
/// user namespace opens. Without ids it is refused. Disposing ends the launcher.
/// </summary>
internal sealed partial class TreeAccess(MappedIds? ids) : IDisposable
{
    private readonly MappedSteps? _steps = ids is null ? null : new(ids, "what belongs to others in a layer");

    /// <summary>
    /// Opens what a directory holds, or a link itself, to be looked at; gives the error when it cannot.
    /// </summary>
    public Errno? Find(SafeFileHandle directory, ReadOnlySpan<byte> name, out SafeFileHandle? found)
    {
        var error = Syscall.OpenHeld(directory, name, OpenFlags.O_PATH, linkItself: true, out found);
        if (error is not Errno.EACCES || _steps is null)
        {
            return error;
        }

        var bytes = name[..^1].ToArray();
        try
        {
            found = _steps.Run(directory, (stage, given) => stage.OpenHeld(given, bytes, OpenFlags.O_PATH));
            return null;
        }
        catch (LaunchException nothing) when (nothing.Errno is Errno.ENOENT)
        {
            return nothing.Errno;
        }
    }

    /// <summary>Opens what was found, to be read.</summary>
    public SafeFileHandle Open(SafeFileHandle found)
    {
        const OpenFlags flags = OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK | OpenFlags.O_NOCTTY;
        try
        {
            return Syscall.Open(Syscall.PathOf(found), flags);
        }
        catch (LinuxException refused) when (refused.Errno is Errno.EACCES && _steps is not null)
        {
            return _steps.Run(found, (stage, given) => stage.OpenAgain(given, flags));
        }
    }

    /// <summary>What an extended attribute of that holds; null when there is none of the name.</summary>
    public byte[]? ReadAttribute(SafeFileHandle found, ReadOnlySpan<byte> name)
    {
        try
        {
            return Syscall.ReadAttribute(found, name);
        }
        catch (LinuxException refused) when (refused.Errno is Errno.EACCES && _steps is not null)
        {
            return ReadRefused(_steps, found, name[..^1].ToArray());
        }
    }

    /// <summary>What a directory holds under a name; false when nothing.</summary>
    public bool TryStatus(SafeFileHandle directory, ReadOnlySpan<byte> name, out FileStatus status)
    {
        try
        {
            return Syscall.TryStatus(directory, name, out status);
        }
        catch (LinuxException refused) when (refused.Errno is Errno.EACCES && _steps is not null)
        {
            var error = Find(directory, name, out var found);
            using (found)
            {
                status = found is null ? default : Syscall.Status(found);
                return error is null;
            }
        }
    }

    /// <summary>
    /// The numbers that an archive has for the owners of a file. Without ids, what is this user's is root's there, as
    /// in the container.
    /// </summary>
    public (uint User, uint Group) OwnersOf(FileStatus status) =>
        ids is null
            ? (status.Owner == Syscall.EffectiveUser ? 0 : status.Owner,
                status.Group == Syscall.EffectiveGroup ? 0 : status.Group)
            : (ids.Map.Users.Inside(status.Owner) ?? status.Owner, ids.Map.Groups.Inside(status.Group) ?? status.Group);

    /// <inheritdoc/>
    public void Dispose() => _steps?.Dispose();

    private static byte[]? ReadRefused(MappedSteps steps, SafeFileHandle found, byte[] name)
    {
        try
        {
            using var copy = steps.Run(found, (stage, given) => stage.CopyAttribute(given, name));
            var value = new byte[RandomAccess.GetLength(copy)];
            return value[..RandomAccess.Read(copy, value, 0)];
        }
        catch (LaunchException nothing) when (nothing.Errno is Errno.ENODATA)
        {
            return null;
        }
    }
}
