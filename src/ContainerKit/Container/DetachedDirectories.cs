using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The detached containers of one user's hosts: a directory for each in the state directory, whose entries are made and
/// removed by one process at a time.
/// </summary>
internal sealed class DetachedDirectories(string? stateDirectory)
{
    private const string Name = "containers", Removed = ".removed-";

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

    /// <summary>
    /// What is to be said of each there is, in the order of their ids, without those whose start came to nothing.
    /// </summary>
    public async Task<IReadOnlyList<T>> ListAsync<T>(
        Func<DetachedDirectory, T> describe, CancellationToken cancellationToken)
    {
        using var parent = OpenParent();
        using var turn = await TakeTurnAsync(parent, cancellationToken).ConfigureAwait(false);
        var list = new List<T>();
        foreach (var path in Directory.GetDirectories(Syscall.PathOf(parent)).Order(StringComparer.Ordinal))
        {
            var name = Path.GetFileName(path);
            if (name.StartsWith(Removed, StringComparison.Ordinal))
            {
                TryDelete(path); // by a host that was killed
            }
            else if (ContainerId.Is(name) && !Sweep(parent, name))
            {
                using var directory = DetachedDirectory.Open(parent, name)!;
                list.Add(describe(directory));
            }
        }

        return list;
    }

    /// <summary>Writes what other processes need to know of a container.</summary>
    /// <exception cref="LaunchException">There is no room for it.</exception>
    public void Write(DetachedDirectory directory, DetachedRecord record)
    {
        try
        {
            directory.Write(record);
        }
        catch (LinuxException failure)
        {
            throw StateDirectory.Failed(stateDirectory, failure);
        }
    }

    /// <summary>Removes that of a container whose start failed: this one, and no later one of its id.</summary>
    public Task RemoveAsync(DetachedDirectory directory, CancellationToken cancellationToken) =>
        RemoveAsync(directory, isStarters: true, cancellationToken);

    /// <summary>
    /// The same of one that is no more; false where there is one now: when it was looked at, its host had made the
    /// directory, and not yet its lock.
    /// </summary>
    public Task<bool> TryRemoveAsync(DetachedDirectory directory, CancellationToken cancellationToken) =>
        RemoveAsync(directory, isStarters: false, cancellationToken);

    private async Task<bool> RemoveAsync(
        DetachedDirectory directory, bool isStarters, CancellationToken cancellationToken)
    {
        using var parent = OpenParent();
        string? path = null;
        using (await TakeTurnAsync(parent, cancellationToken).ConfigureAwait(false))
        {
            if (!isStarters && directory.IsHeld())
            {
                return false;
            }

            if (directory.IsStillAt(parent))
            {
                path = SetAside(parent, directory.Id);
            }
        }

        for (var delay = 1; path is not null && !TryDelete(path) && delay < 1000; delay *= 2)
        {
            await Task.Delay(delay, CancellationToken.None).ConfigureAwait(false); // until its last log is written
        }

        return true;
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

        TryDelete(SetAside(parent, id));
        return true;
    }

    /// <summary>Gives it a name that is nobody's: it is there whole, or not at all.</summary>
    private static string SetAside(SafeFileHandle parent, string id)
    {
        var path = $"{Syscall.PathOf(parent)}/{Removed}{Guid.NewGuid():N}";
        Directory.Move($"{Syscall.PathOf(parent)}/{id}", path);
        return path;
    }

    private static bool TryDelete(string path)
    {
        try
        {
            Directory.Delete(path, recursive: true);
            return true;
        }
        catch (DirectoryNotFoundException)
        {
            return true;
        }
        catch (IOException)
        {
            return false; // something was written into it meanwhile
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
            catch (LinuxException exists) when (exists.Errno is Errno.EEXIST)
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
