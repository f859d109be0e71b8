using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A directory of the host that keeps the changes of one container at a time.</summary>
internal static class KeptLayer
{
    /// <summary>Locks a directory, by its file <c>lock</c>, for one container and its host.</summary>
    /// <exception cref="ArgumentException">Another container has it.</exception>
    public static LockedFile Take(string path)
    {
        using var directory = Syscall.Open(path, OpenFlags.O_PATH);
        return LockedFile.TryTake(directory, "lock") ?? throw new ArgumentException(
            $"The directory '{path}' takes the changes of another container: wait until that is gone, or give each "
            + "container a directory of its own.");
    }
}
