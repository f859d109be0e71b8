using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// What maps of ids need before a start: ranges that are free, user namespaces that have them. Disposing gives those
/// up.
/// </summary>
internal sealed class HostIdMaps(ContainerHostOptions options) : IDisposable
{
    private readonly Dictionary<string, Task<SafeFileHandle>> _namespaces = [];
    private List<IdBlock>? _blocks;
    private string? _blocksAsOf;
    private int _next;

    /// <summary>The map for one start; the container is to dispose what it holds.</summary>
    public async Task<IdMap> OpenAsync(IdMap map, CancellationToken cancellationToken)
    {
        var reservation = map is AutomaticIdMap automatic ? Reserve(automatic) : null;
        try
        {
            var ranges = RangesOf(map, reservation);
            return RangesIdMap.WritesMaps
                ? ranges with { Reservation = reservation, Held = reservation }
                : new JoinedIdMap(ranges, await SharedAsync(ranges).WaitAsync(cancellationToken).ConfigureAwait(false))
                {
                    Reservation = reservation,
                    Held = reservation,
                };
        }
        catch
        {
            reservation?.Dispose();
            throw;
        }
    }

    /// <summary>A user namespace of the caller's.</summary>
    public async Task<KeptIds> KeepAsync(IdMap map, CancellationToken cancellationToken)
    {
        if (map is not (AutomaticIdMap or RangesIdMap))
        {
            throw new ArgumentException($"Only IdMap.Ranges and IdMap.Automatic can be kept, not {map}.", nameof(map));
        }

        cancellationToken.ThrowIfCancellationRequested();
        var reservation = map is AutomaticIdMap automatic ? Reserve(automatic) : null;
        try
        {
            var ranges = RangesOf(map, reservation);
            var made = await MappedNamespace.MakeAsync(options.Launcher, ranges, cancellationToken)
                .ConfigureAwait(false);
            return new(new(ranges, made) { Reservation = reservation });
        }
        catch
        {
            reservation?.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_namespaces)
        {
            foreach (var made in _namespaces.Values)
            {
                made.ContinueWith(
                    static made => made.Result.Dispose(), CancellationToken.None,
                    TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously,
                    TaskScheduler.Default);
            }

            _namespaces.Clear();
        }
    }

    private static RangesIdMap RangesOf(IdMap map, IdReservation? reservation) =>
        reservation is null
            ? (RangesIdMap)map
            : ((AutomaticIdMap)map).In(reservation.First.User, reservation.First.Group);

    /// <summary>The namespace with these ids, made once; whoever waits for it no longer leaves it to others.</summary>
    private Task<SafeFileHandle> SharedAsync(RangesIdMap ranges)
    {
        lock (_namespaces)
        {
            var key = $"{Syscall.EffectiveUser} {Syscall.EffectiveGroup} {ranges}"; // another user could not join it
            if (!_namespaces.TryGetValue(key, out var made) || made.IsFaulted)
            {
                made = _namespaces[key] = MappedNamespace.MakeAsync(options.Launcher, ranges, CancellationToken.None);
            }

            return made;
        }
    }

    private IdReservation Reserve(AutomaticIdMap map)
    {
        var blocks = Blocks();
        using var directory = StateDirectory.Open(options.StateDirectory);
        var first = Volatile.Read(ref _next); // not the block that was given free last
        for (var i = 0; i < blocks.Count; i++)
        {
            var index = (first + i) % blocks.Count;
            if (TryReserve(directory, blocks, index, map.Count) is { } taken)
            {
                Volatile.Write(ref _next, index + 1);
                return taken;
            }
        }

        throw Exhausted(map, blocks.Count);
    }

    private static LaunchException Exhausted(AutomaticIdMap map, int blocks)
    {
        var owner = SubordinateIds.Owner;
        return new("fcntl(F_OFD_SETLK)", $"{map}", "fcntl", Errno.EAGAIN, blocks == 0
            ? $"{SubordinateIds.Users} and {SubordinateIds.Groups} give {owner} no ids: root adds lines such as "
                + $"{owner}:100000:65536, with ids that nobody else has."
            : $"None of {blocks} blocks of ids is free, or not as many as are asked for in a row: let containers end, "
                + "share ids with KeepIdsAsync, or allow more ids.");
    }

    /// <summary>The blocks there are, found anew when one of the files that say so was changed.</summary>
    private List<IdBlock> Blocks()
    {
        var asOf = IdBlocks.AsOf;
        lock (_namespaces)
        {
            if (_blocks is null || _blocksAsOf != asOf)
            {
                (_blocksAsOf, _blocks) = (asOf, IdBlocks.Find(options.IdRanges));
            }

            return _blocks;
        }
    }

    private IdReservation? TryReserve(SafeFileHandle directory, List<IdBlock> blocks, int index, uint count)
    {
        try
        {
            return IdReservation.TryTake(directory, blocks, index, count);
        }
        catch (LinuxException failure)
        {
            throw StateDirectory.Failed(options.StateDirectory, failure);
        }
    }
}
