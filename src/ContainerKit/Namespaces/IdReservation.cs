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
    private readonly List<LockedFile> _locks = [];

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
                    || LockedFile.TryTake(directory, blocks[index].Name) is not { } file)
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
    public void AddTo(LaunchPlan plan) => _locks.ForEach(locked => plan.Hold(locked.Handle));

    /// <summary>The same blocks, held besides, until they are left; null when they were given up.</summary>
    public IdReservation? Share()
    {
        var shared = new IdReservation(First);
        try
        {
            shared._locks.AddRange(_locks.Select(locked => locked.Share()));
            return shared;
        }
        catch (ObjectDisposedException)
        {
            shared.Leave();
            return null;
        }
    }

    /// <summary>Gives the locks up, but not those of supervisors.</summary>
    public void Leave() => _locks.ForEach(locked => locked.Leave());

    /// <inheritdoc/>
    public void Dispose() => _locks.ForEach(locked => locked.Dispose());
}
