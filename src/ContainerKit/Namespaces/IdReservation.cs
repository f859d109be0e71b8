using System.Text;
using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Blocks of ids that nobody else has while their locks are held: by this process, and by the supervisors of containers
/// that have ids of them. Disposing gives them free.
/// </summary>
internal sealed class IdReservation : IDisposable
{
    private readonly List<SafeFileHandle> _locks = [];

    private IdReservation(IdBlock first) => First = first;

    /// <summary>The first of the blocks.</summary>
    public IdBlock First { get; }

    /// <summary>
    /// Locks as many blocks in a row as have so many ids; null when some of them are taken, or too few.
    /// </summary>
    public static IdReservation? TryTake(SafeFileHandle directory, List<IdBlock> blocks, int index, uint count)
    {
        var taken = new IdReservation(blocks[index]);
        try
        {
            for (ulong have = 0; have < count; index++)
            {
                if (index == blocks.Count || (have > 0 && !blocks[index - 1].IsFollowedBy(blocks[index]))
                    || TryLock(directory, blocks[index].Name) is not { } file)
                {
                    taken.Dispose();
                    return null;
                }

                taken._locks.Add(file);
                have += blocks[index].Count;
            }

            return taken;
        }
        catch
        {
            taken.Dispose();
            throw;
        }
    }

    /// <summary>Has the supervisor of a launch hold the locks, too.</summary>
    public void AddTo(LaunchPlan plan) => _locks.ForEach(plan.Hold);

    /// <summary>Gives the locks up, but not those of supervisors.</summary>
    public void Leave() => _locks.ForEach(file => file.Dispose());

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var file in _locks.Where(file => !file.IsClosed))
        {
            Syscall.Unlock(file); // a process that somebody is starting has a copy until it is executed
            file.Dispose();
        }
    }

    /// <summary>The files stay: to remove one that another is about to lock would give its block away twice.</summary>
    private static SafeFileHandle? TryLock(SafeFileHandle directory, string name)
    {
        const OpenFlags flags = OpenFlags.O_CREAT | OpenFlags.O_RDWR | OpenFlags.O_NONBLOCK;
        var file = Syscall.OpenEntry(directory, Encoding.UTF8.GetBytes(name + '\0'), flags, 0x180); // 0600
        if (Syscall.TryLock(file))
        {
            return file;
        }

        file.Dispose();
        return null;
    }
}
