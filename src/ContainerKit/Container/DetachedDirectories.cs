using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The detached containers of one user's hosts: a directory for each in the state directory, whose entries are made and
/// removed by one process at a time.
/// </summary>
internal sealed class DetachedDirectories(string? stateDirectory)
{
    private const string Name = "containers";

    /// <summary>Makes the directory of a container, whose start is then the caller's.</summary>
    /// <exception cref="LaunchException">The id is taken, or the state directory cannot be used.</exception>
    public async Task<(DetachedDirectory Directory, LockedFile Locked)> MakeAsync(
        string id, CancellationToken cancellationToken)
    {
        using var parent = OpenParent();
        using var turn = await TakeTurnAsync(parent, cancellationToken).ConfigureAwait(false);
        try
        {
            if (!Sweep(parent, id))
            {
                throw new LaunchException(
                    $"mkdir(\"{id}\")", $"the id '{id}'", "mkdir", Errno.EEXIST,
                    "There is such a container: attach to it, remove it, or choose another id.");
            }

            return DetachedDirectory.Make(parent, id);
        }
        catch (LinuxException failure) when (failure is not LaunchException)
        {
            throw StateDirectory.Failed(stateDirectory, failure);
        }
    }

    /// <summary>Opens that of a container; null when there is none.</summary>
    public DetachedDirectory? Open(string id)
    {
        using var parent = OpenParent();
        return DetachedDirectory.Open(parent, id);
    }

    /// <summary>The ids there are, without those whose start came to nothing.</summary>
    public async Task<IReadOnlyList<string>> ListAsync(CancellationToken cancellationToken)
    {
        using var parent = OpenParent();
        using var turn = await TakeTurnAsync(parent, cancellationToken).ConfigureAwait(false);
        return [.. Directory.EnumerateDirectories(Syscall.PathOf(parent)).Select(path => Path.GetFileName(path)!)
            .Where(ContainerId.Is).Where(id => !Sweep(parent, id)).Order(StringComparer.Ordinal)];
    }

    /// <summary>Removes that of a container which is no more.</summary>
    public async Task RemoveAsync(string id, CancellationToken cancellationToken)
    {
        using var parent = OpenParent();
        using var turn = await TakeTurnAsync(parent, cancellationToken).ConfigureAwait(false);
        Remove(parent, id);
    }

    /// <summary>
    /// Removes what a host left that was killed while it started a container; true when nothing is there.
    /// </summary>
    private static bool Sweep(SafeFileHandle parent, string id)
    {
        using var directory = DetachedDirectory.Open(parent, id);
        if (directory is null)
        {
            return true;
        }

        if (directory.IsHeld() || directory.ReadStatus().HasStarted)
        {
            return false;
        }

        Remove(parent, id);
        return true;
    }

    private static void Remove(SafeFileHandle parent, string id)
    {
        try
        {
            Directory.Delete($"{Syscall.PathOf(parent)}/{id}", recursive: true);
        }
        catch (DirectoryNotFoundException)
        {
        }
    }

    private SafeFileHandle OpenParent()
    {
        using var state = StateDirectory.Open(stateDirectory);
        try
        {
            try
            {
                Syscall.MakeDirectory($"{Syscall.PathOf(state)}/{Name}", 0x1C0); // 0700
            }
            catch (LinuxException exists) when (exists.Errno is Errno.EEXIST or Errno.EROFS)
            {
            }

            return Syscall.OpenEntry(state, "containers\0"u8, OpenFlags.O_PATH);
        }
        catch (LinuxException failure)
        {
            throw StateDirectory.Failed(stateDirectory, failure);
        }
    }

    /// <summary>Waits until no other process makes or removes one: that takes none longer than a moment.</summary>
    private async Task<LockedFile> TakeTurnAsync(SafeFileHandle parent, CancellationToken cancellationToken)
    {
        for (var delay = 1; ; delay = Math.Min(2 * delay, 50))
        {
            try
            {
                if (LockedFile.TryTake(parent, ".lock") is { } turn)
                {
                    return turn;
                }
            }
            catch (LinuxException failure)
            {
                throw StateDirectory.Failed(stateDirectory, failure);
            }

            await Task.Delay(delay, cancellationToken).ConfigureAwait(false);
        }
    }
}
