using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Version 1's memory.oom_control, which signals that memory is out before it kills, and only counts the kills.
/// </summary>
internal sealed class OldMemoryEvents(CgroupDirectory directory)
    : EventFile(directory, File, new EventKey("oom_kill", CgroupEventKind.OomKilled))
{
    private const string File = "memory.oom_control", Control = "cgroup.event_control";

    private Action? _wake;
    private SafeFileHandle? _counter;
    private MemberEnds? _ends;
    private long _owed;

    /// <inheritdoc/>
    public override IEnumerable<CgroupEventKind> Kinds => base.Kinds.Append(CgroupEventKind.OutOfMemory);

    /// <inheritdoc/>
    public override bool IsThere => base.IsThere && Directory.Has(Control);

    /// <inheritdoc/>
    public override (SafeFileHandle Watched, EpollEvents For) Open(Action wake)
    {
        base.Open(wake);
        _wake = wake;
        _counter = Syscall.MakeCounter();
        using var control = Directory.OpenFile(Control, OpenFlags.O_WRONLY);
        Syscall.CountEvents(control, _counter, Handle!);
        return (_counter, EpollEvents.EPOLLIN);
    }

    /// <inheritdoc/>
    public override void Read(Action<CgroupEventKind, long> happened)
    {
        var ooms = Syscall.TakeCount(_counter!);
        if (ooms > 0 && !Directory.IsThere)
        {
            ooms--; // its removal is signalled, too
        }

        if (ooms > 0)
        {
            happened(CgroupEventKind.OutOfMemory, ooms);
            WaitForKills(ooms);
        }

        base.Read((kind, count) =>
        {
            happened(kind, count);
            _owed -= count;
        });
        if (_owed <= 0)
        {
            StopWaiting();
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        StopWaiting();
        _counter?.Dispose();
        base.Dispose();
    }

    /// <summary>
    /// A kill is counted before the process is told, so that the count is to be read again when one ends. Whoever ended
    /// before it is waited for was counted before, too.
    /// </summary>
    private void WaitForKills(long ooms)
    {
        _owed += ooms;
        var ends = new MemberEnds(Directory, _wake!);
        _ends?.Dispose();
        _ends = ends;
    }

    private void StopWaiting()
    {
        _ends?.Dispose();
        (_ends, _owed) = (null, 0);
    }
}
