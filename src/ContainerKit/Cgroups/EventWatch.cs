namespace ContainerKit;

/// <summary>Finds what happened in a group by what its files hold.</summary>
internal sealed class EventWatch(List<EventFile> files) : CgroupWatch
{
    private readonly Queue<CgroupEvent> _found = [];

    /// <summary>What happened next; null when nothing has yet.</summary>
    public CgroupEvent? Take()
    {
        lock (Looking)
        {
            if (_found.Count == 0)
            {
                Look();
            }

            return _found.TryDequeue(out var found) ? found : null;
        }
    }

    /// <inheritdoc/>
    public override void LookNow()
    {
        try
        {
            lock (Looking)
            {
                Look();
            }
        }
        catch (LinuxException)
        {
            // For want of descriptors, which the one who watches learns by looking, and not who removes the group.
        }

        Wake();
    }

    /// <inheritdoc/>
    protected override void Open()
    {
        foreach (var file in files)
        {
            var (watched, events) = file.Open(Wake);
            Add(watched, events, Wake);
        }
    }

    /// <inheritdoc/>
    protected override void Close() => files.ForEach(file => file.Dispose());

    private void Look()
    {
        if (IsOver)
        {
            return;
        }

        // What is so is read before what led to it, and told after it: a kill before the emptiness.
        var (found, isGone) = (new List<CgroupEvent>(), false);
        foreach (var file in files)
        {
            var before = new List<CgroupEvent>();
            try
            {
                file.Read((kind, count) => before.Add(new(kind, count, DateTimeOffset.UtcNow)));
            }
            catch (LinuxException gone) when (Cgroup.IsGone(gone))
            {
                isGone = true; // in this hierarchy: others may have something to tell still
            }

            found.InsertRange(0, before);
        }

        found.ForEach(_found.Enqueue);
        if (isGone)
        {
            End();
        }
    }
}
