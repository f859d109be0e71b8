using System.Collections.Concurrent;

namespace ContainerKit;

/// <summary>
/// Runs tasks on threads of its own in a cgroup, so that a host puts a part of itself under a limit: what is awaited
/// there goes on there, and threads and processes that are started there stay there, but for the runtime's own, as the
/// pool's, which go back when the task ends. Disposing refuses new work, and waits for what is queued and for the
/// threads' ends; an await that comes back later is not resumed. The group is disposed by its owner, after this. A
/// limit stops a thread wherever it is, and garbage collection waits for it: better a short period, or a weight.
/// </summary>
public sealed class CgroupTaskScheduler : TaskScheduler, IDisposable
{
    [ThreadStatic]
    private static CgroupTaskScheduler? _ofThisThread;

    /// <summary>The longest that a thread is without its name.</summary>
    private static readonly TimeSpan LongestStart = TimeSpan.FromMilliseconds(20);

    private readonly BlockingCollection<Task> _queue = [];
    private readonly List<Thread> _threads = [];

    /// <summary>
    /// Starts the threads and has them enter a group: in version 2 one that <see cref="Cgroup.CreateThreadedChild"/>
    /// made in this process's own, in version 1 any.
    /// </summary>
    /// <exception cref="LimitNotSupportedException">The group is not for this process's threads; none is
    /// left.</exception>
    /// <exception cref="LinuxException">The kernel refuses. ENOENT or ENODEV: the group is gone. EACCES: this user may
    /// not enter it. No thread is left.</exception>
    public CgroupTaskScheduler(Cgroup group, int threads = 1)
    {
        ArgumentNullException.ThrowIfNull(group);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        try
        {
            while (_threads.Count < threads)
            {
                Start(group);
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>How many threads it has.</summary>
    public override int MaximumConcurrencyLevel => _threads.Count;

    /// <summary>Waits for what is queued, and for the threads' ends; not when one of them is who asks.</summary>
    public void Dispose()
    {
        _queue.CompleteAdding();
        if (_ofThisThread != this)
        {
            _threads.ForEach(thread => thread.Join());
        }
    }

    /// <inheritdoc/>
    protected override void QueueTask(Task task)
    {
        ObjectDisposedException.ThrowIf(_queue.IsAddingCompleted, this);
        _queue.Add(task);
    }

    /// <inheritdoc/>
    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        _ofThisThread == this && TryExecuteTask(task);

    /// <inheritdoc/>
    protected override IEnumerable<Task> GetScheduledTasks() => _queue.ToArray();

    private void Start(Cgroup group)
    {
        var entered = new TaskCompletionSource();
        var thread = new Thread(() => Run(group, entered))
        {
            IsBackground = true,
            Name = $"cgroup {group.Path[(group.Path.LastIndexOf('/') + 1)..]} {_threads.Count + 1}",
        };
        thread.UnsafeStart();
        _threads.Add(thread);
        entered.Task.GetAwaiter().GetResult();
    }

    private void Run(Cgroup group, TaskCompletionSource entered)
    {
        try
        {
            group.MoveThisThread();
        }
        catch (Exception failure)
        {
            entered.SetException(failure);
            return;
        }

        _ofThisThread = this;
        entered.SetResult();
        Run(group.RuntimeThreads);
        Leave();
    }

    private void Run(RuntimeThreads others)
    {
        for (var haveChanged = false; !_queue.IsCompleted; haveChanged = others.Return())
        {
            if (_queue.TryTake(out var task, haveChanged ? LongestStart : Timeout.InfiniteTimeSpan))
            {
                TryExecuteTask(task);
            }
        }
    }

    /// <summary>Joining a thread does not wait until the kernel has it out of its group, so it goes itself.</summary>
    private static void Leave()
    {
        try
        {
            Cgroup.MoveHome();
        }
        catch (LinuxException)
        {
            // It ends anyway.
        }
    }
}
