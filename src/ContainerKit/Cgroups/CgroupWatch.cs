using System.Threading.Channels;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Wakes up the one who watches a group, when there is something to look at: one call for whatever happened since the
/// last, so that nothing piles up when nobody looks. Disposing closes all it has open.
/// </summary>
internal abstract class CgroupWatch : IDisposable
{
    private readonly Channel<bool> _calls = Channel.CreateBounded<bool>(
        new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite, SingleReader = true });

    private readonly List<EventLoop.Watch> _watches = [];
    private IDisposable? _removal;

    /// <summary>What is opened, closed, read and ended one after another.</summary>
    protected Lock Looking { get; } = new();

    /// <summary>Whether there is nothing more to come.</summary>
    protected bool IsOver { get; private set; }

    /// <summary>Opens what it watches; it is over at once when the group is gone.</summary>
    public void Start(CgroupDirectory directory)
    {
        try
        {
            _removal = CgroupRemovals.Add(directory, Wake);
            Open();
        }
        catch (LinuxException gone) when (Cgroup.IsGone(gone) && !directory.IsThere)
        {
            End();
        }
    }

    /// <summary>Waits until there is something to look at; no when nothing more will be.</summary>
    public async ValueTask<bool> WaitAsync(CancellationToken cancellationToken) =>
        await _calls.Reader.WaitToReadAsync(cancellationToken).ConfigureAwait(false) && _calls.Reader.TryRead(out _);

    /// <summary>Has the one who watches look.</summary>
    public void Wake() => _calls.Writer.TryWrite(true);

    /// <summary>Nothing more is looked at; what was found already is told.</summary>
    public void End()
    {
        lock (Looking)
        {
            IsOver = true;
            _calls.Writer.TryComplete();
        }
    }

    /// <summary>Looks for the last time, before the group is removed.</summary>
    public virtual void LookNow()
    {
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (Looking)
        {
            IsOver = true;
            _removal?.Dispose();
            _watches.ForEach(watch => watch.Dispose());
            Close();
        }
    }

    /// <summary>Opens what it reads.</summary>
    protected abstract void Open();

    /// <summary>Closes it, watched no more.</summary>
    protected abstract void Close();

    /// <summary>
    /// Is called each time something happens to a descriptor, whether it was looked at or not since the last time.
    /// </summary>
    protected void Add(SafeFileHandle file, EpollEvents events, Action ready) =>
        _watches.Add(EventLoop.Add(file, ready, events | EpollEvents.EPOLLET));
}
