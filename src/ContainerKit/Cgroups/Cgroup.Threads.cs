using System.Globalization;

namespace ContainerKit;

/// <content>Single threads in it.</content>
public sealed partial class Cgroup
{
    /// <summary>
    /// Moves one thread into it, of any process in version 1. In version 2 it must be one of
    /// <see cref="CreateThreadedChild"/>, in the group of the thread's process. Memory is the process's, and is counted
    /// where that is.
    /// </summary>
    /// <exception cref="LinuxException">The kernel refuses, and it is where it was. ESRCH or ENOENT: there is no such
    /// thread. ENOTSUP: the group is not for threads.</exception>
    public void MoveThread(int threadId)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threadId);
        MoveThread(threadId.ToString(CultureInfo.InvariantCulture));
    }

    /// <summary>
    /// Makes a group in this one for single threads of the processes in this one: in version 2 it has only the
    /// controllers that know of threads, cpu, cpuset and pids. Disposing it puts the threads back into this one.
    /// </summary>
    /// <inheritdoc cref="Create"/>
    public Cgroup CreateThreadedChild(string name, CgroupLimits? limits = null)
    {
        CgroupName.Validate(name);
        limits?.Validate();
        return Make(name, child =>
        {
            child._isForThreads = true;
            if (child.IsVersion2)
            {
                child._directories[0].Write("cgroup.type", "threaded");
                EnableControllers(limits, OfThreads);
            }

            if (limits is not null)
            {
                child.Write(limits);
            }
        });
    }

    /// <summary>Moves the thread that asks into it.</summary>
    /// <exception cref="LimitNotSupportedException">It is of version 2, and not for threads of this
    /// process.</exception>
    internal void MoveThisThread()
    {
        try
        {
            MoveThread("0");
        }
        catch (LinuxException failure) when (failure.Errno is Errno.ENOTSUP)
        {
            throw new LimitNotSupportedException(
                $"The cgroup '{Path}' is of version 2, and not for single threads of this process: make one by "
                + $"Cgroup.OfThisProcess().{nameof(CreateThreadedChild)}.");
        }
    }

    /// <summary>Moves a thread to the group that this process is in; the one that asks unless said otherwise.</summary>
    internal static void MoveHome(string thread = "0")
    {
        var home = OfThisProcess();
        try
        {
            home.MoveThread(thread);
        }
        finally
        {
            home.Close();
        }
    }

    /// <summary>The runtime's own threads in it.</summary>
    internal RuntimeThreads RuntimeThreads => new(_directories.Find(CountsThreads)!);

    /// <summary>
    /// Whether it is of version 2 alone, whose groups are for processes unless they are made for threads.
    /// </summary>
    internal bool IsVersion2 => _directories is [{ IsUnified: true }];

    /// <summary>Version 1 counts memory by processes, whatever group their threads are in.</summary>
    private bool CountsThreads(CgroupDirectory directory) =>
        directory.IsUnified ? IsVersion2 : directory.Controllers is not ["memory"];

    private void MoveThread(string id)
    {
        var directories = _directories.FindAll(CountsThreads);
        var before = directories.Count > 1 ? FilesOf(id is "0" ? "thread-self" : id, isThread: true) : [];
        Enter(directories, id, before, isThread: true);
    }
}
