using System.Runtime.CompilerServices;

namespace ContainerKit;

/// <content>What happens in it is told.</content>
public sealed partial class Cgroup
{
    private readonly List<CgroupWatch> _watches = [];

    /// <summary>
    /// Reads what <see cref="WatchAsync(CancellationToken)"/> can tell of it on this host: what is missing may happen
    /// all the same. Version 2 tells everything its controllers are enabled for.
    /// </summary>
    public IReadOnlySet<CgroupEventKind> ReadEventKinds() =>
        FindEventFiles().SelectMany(file => file.Kinds).ToHashSet();

    /// <summary>
    /// What happens in it and in the groups below, until it is cancelled, or the group is removed, or this is disposed:
    /// first what it is, populated or empty, and frozen if it is; then what happened since the call, of which nothing
    /// that the kernel counts is lost. What it was meanwhile may be left out. What is open is closed when the
    /// enumeration ends; several at a time are independent of one another.
    /// </summary>
    /// <exception cref="LimitNotSupportedException">This host tells nothing of it.</exception>
    /// <exception cref="LinuxException">ENOENT or ENODEV: the group is gone.</exception>
    public IAsyncEnumerable<CgroupEvent> WatchAsync(CancellationToken cancellationToken = default) =>
        Watch(null, cancellationToken);

    /// <summary>The same of some kinds of events, all of which must be told on this host.</summary>
    /// <exception cref="LimitNotSupportedException">One is not told.</exception>
    /// <inheritdoc cref="WatchAsync(CancellationToken)"/>
    public IAsyncEnumerable<CgroupEvent> WatchAsync(
        IEnumerable<CgroupEventKind> kinds, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(kinds);
        HashSet<CgroupEventKind> wanted = [.. kinds];
        return wanted.Count == 0 ? throw new ArgumentException("There is nothing to wait for.", nameof(kinds))
            : wanted.All(Enum.IsDefined) ? Watch(wanted, cancellationToken)
            : throw new ArgumentOutOfRangeException(nameof(kinds), "There is no such kind of event.");
    }

    private IAsyncEnumerable<CgroupEvent> Watch(HashSet<CgroupEventKind>? kinds, CancellationToken cancellationToken)
    {
        RequireThere();
        var files = FindEventFiles();
        var told = files.SelectMany(file => file.Kinds).ToHashSet();
        var missing = kinds?.Except(told).ToList() ?? [];
        if (missing.Count > 0 || told.Count == 0)
        {
            throw NotTold(missing);
        }

        files.ForEach(file => file.StartCounting());
        return ReadEventsAsync(files, kinds ?? told, cancellationToken);
    }

    private async IAsyncEnumerable<CgroupEvent> ReadEventsAsync(
        List<EventFile> files, HashSet<CgroupEventKind> kinds,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var watch = new EventWatch(files.ConvertAll(file => file.Copy()));
        try
        {
            Start(watch);
            do
            {
                while (watch.Take() is { } found)
                {
                    if (kinds.Contains(found.Kind))
                    {
                        yield return found;
                    }
                }
            }
            while (await watch.WaitAsync(cancellationToken).ConfigureAwait(false));
        }
        finally
        {
            Forget(watch);
        }
    }

    private void RequireThere()
    {
        ObjectDisposedException.ThrowIf(_directories[0].IsClosed, this);
        if (!_directories[0].IsThere)
        {
            throw new LinuxException("open", Errno.ENOENT, _directories[0].Path);
        }
    }

    private void Start(CgroupWatch watch)
    {
        lock (_reading)
        {
            if (_directories[0].IsClosed)
            {
                watch.End();
                return;
            }

            watch.Start(_directories[0]);
            _watches.Add(watch);
        }
    }

    private void Forget(CgroupWatch watch)
    {
        lock (_reading)
        {
            _watches.Remove(watch);
        }
    }

    /// <summary>Has those who watch it know what happened, before it can no longer be read.</summary>
    private void ReadForWatches()
    {
        lock (_reading)
        {
            _watches.ForEach(watch => watch.LookNow());
        }
    }

    /// <summary>The files that are there, what is so before what happened.</summary>
    private List<EventFile> FindEventFiles()
    {
        var files = new List<EventFile>();
        if (Unified is { } unified)
        {
            files.Add(new(
                unified, State,
                new("populated", CgroupEventKind.Populated, CgroupEventKind.Empty) { First = -1 },
                new("frozen", CgroupEventKind.Frozen, CgroupEventKind.Thawed)));
        }

        // Version 1's pids.events has the count, too, but not every kernel tells when it changes: 6.18 does not.
        if (DirectoryOf("pids", "pids") is { IsUnified: true } pids)
        {
            files.Add(new(pids, "pids.events", new EventKey("max", CgroupEventKind.PidsMax)));
        }

        if (DirectoryOf("memory", "memory") is { } memory)
        {
            files.Add(memory.IsUnified
                ? new EventFile(
                    memory, "memory.events",
                    new("high", CgroupEventKind.MemoryHigh), new("max", CgroupEventKind.MemoryMax),
                    new("oom", CgroupEventKind.OutOfMemory), new("oom_kill", CgroupEventKind.OomKilled))
                : new OldMemoryEvents(memory));
        }

        return files.FindAll(file => file.IsThere);
    }

    private LimitNotSupportedException NotTold(List<CgroupEventKind> missing) => new(
        $"This host does not tell {(missing.Count == 0 ? "any event" : string.Join(", ", missing))} of the cgroup "
        + $"'{Path}': version 2 does, of groups below its root, with the controllers pids and memory enabled in each "
        + "cgroup.subtree_control above.");
}
