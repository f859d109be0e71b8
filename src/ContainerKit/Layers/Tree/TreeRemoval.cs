using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Removes trees whose directories may belong to the mapped ids: these a launcher in their user namespace gives back to
/// this user first. Without ids all is this user's, or it is root. Disposing ends the launcher.
/// </summary>
internal sealed class TreeRemoval(MappedIds? ids) : IDisposable
{
    private readonly MappedSteps? _steps = ids is null ? null : new(ids, "the owners of removed files");

    /// <summary>Removes what a directory holds under a name.</summary>
    public void Remove(SafeFileHandle parent, byte[] name)
    {
        if (!Syscall.TryUnlink(parent, name))
        {
            HostileTree.Remove(parent, name, _steps is null ? null : GiveBack);
        }
    }

    /// <summary>Removes all that a directory holds, which is this user's afterwards.</summary>
    public void Empty(SafeFileHandle directory)
    {
        if (_steps is not null && Syscall.Status(directory).Owner != Syscall.EffectiveUser)
        {
            GiveBack(directory, [".\0"u8.ToArray()]);
        }

        Syscall.ChangeMode(directory, StoreDirectory.Closed);
        using var again = Syscall.OpenEntry(directory, ".\0"u8, OpenFlags.O_RDONLY);
        var reader = new DirectoryReader(again);
        while (reader.Next() is { IsEmpty: false } name)
        {
            Remove(directory, name.ToArray());
            reader.Rewind();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _steps?.Dispose();

    private void GiveBack(SafeFileHandle parent, IReadOnlyList<byte[]> names) => _steps!.Run(parent, (stage, given) =>
    {
        foreach (var name in names)
        {
            var directory = stage.OpenBelow(given, name.AsSpan(..^1), OpenFlags.O_PATH);
            stage.ChangeOwner(directory, ids!.OwnUser, ids.OwnGroup);
            stage.Close(directory);
        }

        return given;
    }).Dispose();
}
