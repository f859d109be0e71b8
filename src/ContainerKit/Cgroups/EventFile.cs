using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A number in a file of events: a count of what happened, or, when it has an opposite, 1 or 0 for what is so.
/// </summary>
internal readonly record struct EventKey(string Name, CgroupEventKind Kind, CgroupEventKind? Opposite = null)
{
    /// <summary>What it is before it was read: such that the first state is told, unless it is the usual one.</summary>
    public long First { get; init; }
}

/// <summary>A file with numbers that change when something happens, which it tells who polls it; kernfs.</summary>
internal class EventFile(CgroupDirectory directory, string name, params EventKey[] keys) : IDisposable
{
    private const int LongestFile = 1024;

    private long[] _last = Array.ConvertAll(keys, key => key.First);

    /// <summary>What it tells.</summary>
    public virtual IEnumerable<CgroupEventKind> Kinds =>
        keys.SelectMany<EventKey, CgroupEventKind>(key =>
            key.Opposite is { } opposite ? [key.Kind, opposite] : [key.Kind]);

    /// <summary>Whether the kernel has it here.</summary>
    public virtual bool IsThere => directory.Has(name);

    /// <summary>The directory it is in.</summary>
    protected CgroupDirectory Directory => directory;

    /// <summary>The open file.</summary>
    protected SafeFileHandle? Handle { get; private set; }

    /// <summary>Has only what happens from now on be told; nothing stays open.</summary>
    public void StartCounting()
    {
        using var file = directory.OpenFile(name, OpenFlags.O_RDONLY);
        Update(file, (key, value) => keys[key].Opposite is null ? value : _last[key]);
    }

    /// <summary>Another that goes on from here, and is not open.</summary>
    public EventFile Copy()
    {
        var copy = (EventFile)MemberwiseClone();
        copy._last = [.. _last];
        return copy;
    }

    /// <summary>Opens it; gives what is to be watched, and for what.</summary>
    public virtual (SafeFileHandle Watched, EpollEvents For) Open(Action wake)
    {
        Handle = directory.OpenFile(name, OpenFlags.O_RDONLY);
        return (Handle, EpollEvents.EPOLLPRI);
    }

    /// <summary>Tells what happened since the last time.</summary>
    /// <exception cref="LinuxException">ENODEV: it is gone.</exception>
    public virtual void Read(Action<CgroupEventKind, long> happened) =>
        Update(Handle!, (key, value) =>
        {
            var (kind, opposite, more) = (keys[key].Kind, keys[key].Opposite, value - _last[key]);
            if (opposite is not null && more != 0)
            {
                happened(value == 0 ? opposite.Value : kind, 1);
            }
            else if (more > 0)
            {
                happened(kind, more);
            }

            return value;
        });

    /// <inheritdoc/>
    public virtual void Dispose() => Handle?.Dispose();

    private void Update(SafeFileHandle file, Func<int, long, long> update)
    {
        Span<byte> buffer = stackalloc byte[LongestFile];
        var text = new CgroupText(buffer[..Syscall.ReadAt(file, buffer, 0)]);
        while (text.Next(out var word, out var value))
        {
            for (var i = 0; i < keys.Length; i++)
            {
                if (System.Text.Ascii.Equals(word, keys[i].Name))
                {
                    _last[i] = update(i, value);
                }
            }
        }
    }
}
