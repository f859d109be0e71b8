using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>
/// One thread that waits for all descriptors the library watches. Its callbacks run on that thread, one at a time: they
/// read what is there, complete tasks, and never wait.
/// </summary>
internal sealed class EventLoop
{
    private static readonly Lock Making = new();
    private static volatile EventLoop? _shared;

    private readonly SafeFileHandle _epoll = Syscall.EpollCreate();
    private readonly Dictionary<int, Action> _ready = [];
    private int _lastKey;

    private EventLoop()
    {
        var thread = new Thread(Run, maxStackSize: 256 * 1024) { IsBackground = true, Name = "ContainerKit" };
        thread.UnsafeStart();
    }

    /// <summary>
    /// Calls <paramref name="ready"/> when there is something to read, or the end, and again until it is read; dispose
    /// the watch before the descriptor, and expect one more call. Other <paramref name="events"/> can be chosen: none,
    /// to be woken up by the end alone.
    /// </summary>
    public static Watch Add(SafeFileHandle file, Action ready, EpollEvents events = EpollEvents.EPOLLIN)
    {
        var loop = Shared;
        var key = loop.Register(ready);
        try
        {
            Syscall.EpollAdd(loop._epoll, file, (ulong)key, events);
        }
        catch
        {
            loop.Forget(key);
            throw;
        }

        return new(loop, file, key);
    }

    /// <summary>Completes when there is something to read, or the end.</summary>
    public static Task ReadyAsync(SafeFileHandle file, CancellationToken cancellationToken) =>
        ReadyAsync(file, EpollEvents.EPOLLIN, cancellationToken);

    /// <summary>Completes when one of some events happens, or the end.</summary>
    public static async Task ReadyAsync(
        SafeFileHandle file, EpollEvents events, CancellationToken cancellationToken)
    {
        var ready = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var watch = Add(file, () => ready.TrySetResult(), events);
        try
        {
            await ready.Task.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            watch.Dispose();
        }
    }

    /// <summary>
    /// The loop of this process. A Lazy would keep a failure to make it, for want of descriptors, for good.
    /// </summary>
    private static EventLoop Shared
    {
        get
        {
            if (_shared is { } shared)
            {
                return shared;
            }

            lock (Making)
            {
                return _shared ??= new();
            }
        }
    }

    private int Register(Action ready)
    {
        lock (_ready)
        {
            while (!_ready.TryAdd(++_lastKey, ready))
            {
                // After 2^32 watches the numbers begin anew, and some may still be in use.
            }

            return _lastKey;
        }
    }

    private bool Forget(int key)
    {
        lock (_ready)
        {
            return _ready.Remove(key);
        }
    }

    private Action? Find(int key)
    {
        lock (_ready)
        {
            return _ready.TryGetValue(key, out var ready) ? ready : null;
        }
    }

    private void Run()
    {
        Span<ulong> keys = stackalloc ulong[64];
        for (; ; )
        {
            var count = Syscall.EpollWait(_epoll, keys);
            for (var i = 0; i < count; i++)
            {
                Find((int)keys[i])?.Invoke();
            }
        }
    }

    /// <summary>A descriptor that is watched. Disposing it, once or again, ends that.</summary>
    public readonly struct Watch(EventLoop loop, SafeFileHandle file, int key) : IDisposable
    {
        /// <summary>Whether it is one.</summary>
        public bool IsActive => loop is not null;

        /// <summary>Waits only for the end from now on.</summary>
        public void OnlyEnd() => Syscall.EpollOnlyEnd(loop._epoll, file, (ulong)key);

        /// <inheritdoc/>
        public void Dispose()
        {
            if (loop is not null && loop.Forget(key))
            {
                Syscall.EpollRemove(loop._epoll, file);
            }
        }
    }
}
