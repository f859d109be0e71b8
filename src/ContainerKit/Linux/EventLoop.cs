using System.Collections.Concurrent;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>
/// One thread that waits for all descriptors the library watches. Its callbacks run on that thread, one at a time: they
/// read what is there, complete tasks, and never wait.
/// </summary>
internal sealed class EventLoop
{
    private static readonly Lazy<EventLoop> Shared = new(() => new EventLoop());

    private readonly SafeFileHandle _epoll = Syscall.EpollCreate();
    private readonly ConcurrentDictionary<ulong, Action> _ready = new();
    private ulong _lastKey;

    private EventLoop()
    {
        var thread = new Thread(Run, maxStackSize: 256 * 1024) { IsBackground = true, Name = "ContainerKit" };
        thread.UnsafeStart();
    }

    /// <summary>
    /// Calls <paramref name="ready"/> when there is something to read, or the end, and again when more came after all
    /// was read, until the watch is disposed; dispose it before the descriptor, and expect one more call.
    /// </summary>
    public static Watch Add(SafeFileHandle file, Action ready)
    {
        var loop = Shared.Value;
        var key = Interlocked.Increment(ref loop._lastKey);
        loop._ready[key] = ready;
        try
        {
            Syscall.EpollAdd(loop._epoll, file, key);
        }
        catch
        {
            loop._ready.TryRemove(key, out _);
            throw;
        }

        return new(loop, file, key);
    }

    private void Run()
    {
        Span<ulong> keys = stackalloc ulong[64];
        for (; ; )
        {
            foreach (var key in keys[..Syscall.EpollWait(_epoll, keys)])
            {
                if (_ready.TryGetValue(key, out var ready))
                {
                    ready();
                }
            }
        }
    }

    /// <summary>A descriptor that is watched. Disposing it, once or again, ends that.</summary>
    public readonly struct Watch(EventLoop loop, SafeFileHandle file, ulong key) : IDisposable
    {
        /// <inheritdoc/>
        public void Dispose()
        {
            if (loop is not null && loop._ready.TryRemove(key, out _))
            {
                Syscall.EpollRemove(loop._epoll, file);
            }
        }
    }
}
