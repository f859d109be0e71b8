using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Tells when groups are removed, whoever does it. The files of a group do not tell it, the directory it was in does;
/// and there is one watch for all, because a user may have only 128. inotify(7).
/// </summary>
internal static class CgroupRemovals
{
    private static readonly Lock Changing = new();
    private static readonly Dictionary<int, List<Listener>> Listeners = [];

    private static SafeFileHandle? _inotify;
    private static EventLoop.Watch _watch;

    /// <summary>Calls <paramref name="removed"/> on the loop's thread, until what is returned is disposed.</summary>
    public static IDisposable Add(CgroupDirectory directory, Action removed)
    {
        lock (Changing)
        {
            try
            {
                var inotify = Start();
                var number = Syscall.InotifyAdd(inotify, directory.PathAbove, InotifyEvents.IN_DELETE);
                var listener = new Listener(number, directory.Name, removed);
                (CollectionsMarshal.GetValueRefOrAddDefault(Listeners, number, out _) ??= []).Add(listener);
                return listener;
            }
            finally
            {
                StopUnlessNeeded();
            }
        }
    }

    private static SafeFileHandle Start()
    {
        if (_inotify is null)
        {
            _inotify = Syscall.InotifyCreate();
            _watch = EventLoop.Add(_inotify, Read);
        }

        return _inotify;
    }

    private static void StopUnlessNeeded()
    {
        if (Listeners.Count == 0)
        {
            _watch.Dispose();
            _inotify?.Dispose();
            _inotify = null;
        }
    }

    private static void Remove(Listener listener)
    {
        lock (Changing)
        {
            if (Listeners.TryGetValue(listener.Number, out var others) && others.Remove(listener) && others.Count == 0)
            {
                Listeners.Remove(listener.Number);
                Syscall.InotifyRemove(_inotify!, listener.Number);
                StopUnlessNeeded();
            }
        }
    }

    private static void Read()
    {
        Span<byte> buffer = stackalloc byte[4096];
        lock (Changing)
        {
            while (_inotify is not null && Syscall.Read(_inotify, buffer) is > 0 and var length)
            {
                Tell(buffer[..length]);
            }
        }
    }

    private static void Tell(ReadOnlySpan<byte> events)
    {
        var header = Unsafe.SizeOf<InotifyEvent>();
        while (!events.IsEmpty)
        {
            var happened = MemoryMarshal.Read<InotifyEvent>(events);
            if (((InotifyEvents)happened.Events).HasFlag(InotifyEvents.IN_Q_OVERFLOW))
            {
                Tell(Listeners.Values.SelectMany(listeners => listeners)); // each looks for itself
            }
            else if (Listeners.TryGetValue(happened.Watch, out var listeners))
            {
                var name = Encoding.UTF8.GetString(events.Slice(header, (int)happened.Length).TrimEnd((byte)0));
                Tell(listeners.Where(listener => listener.Name == name));
            }

            events = events[(header + (int)happened.Length)..];
        }
    }

    private static void Tell(IEnumerable<Listener> listeners)
    {
        foreach (var listener in listeners)
        {
            listener.Tell();
        }
    }

    private sealed class Listener(int number, string name, Action removed) : IDisposable
    {
        public int Number => number;

        public string Name => name;

        public void Tell() => removed();

        public void Dispose() => Remove(this);
    }
}
