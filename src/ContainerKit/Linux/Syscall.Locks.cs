using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

internal static unsafe partial class Syscall
{
    /// <summary>
    /// Locks a whole file for this open file description and its copies, so that the lock ends with the last of them;
    /// false when another has it. fcntl(2).
    /// </summary>
    public static bool TryLock(SafeFileHandle file)
    {
        const short F_WRLCK = 1;
        return SetLock(file, F_WRLCK) || (LastError is Errno.EAGAIN or Errno.EACCES ? false : throw Failed("fcntl"));
    }

    /// <summary>Gives a lock back, whoever still has a copy of the descriptor; fcntl(2).</summary>
    public static void Unlock(SafeFileHandle file)
    {
        const short F_UNLCK = 2;
        Check(SetLock(file, F_UNLCK) ? 0 : -1, "fcntl");
    }

    /// <summary>Waits until it can lock a whole file, for this open file description; fcntl(2).</summary>
    public static void WaitForLock(SafeFileHandle file)
    {
        const int F_OFD_SETLKW = 38;
        const short F_WRLCK = 1;
        var wanted = new FileLock { Type = F_WRLCK };
        while (Lock(file, F_OFD_SETLKW, &wanted) < 0)
        {
            if (LastError is not Errno.EINTR)
            {
                throw Failed("fcntl");
            }
        }
    }

    /// <summary>Whether another open file description has a lock of a whole file; fcntl(2).</summary>
    public static bool IsLocked(SafeFileHandle file)
    {
        const int F_OFD_GETLK = 36;
        const short F_WRLCK = 1, F_UNLCK = 2;
        var found = new FileLock { Type = F_WRLCK };
        Check(Lock(file, F_OFD_GETLK, &found), "fcntl");
        return found.Type != F_UNLCK;
    }

    /// <summary>
    /// Locks a file or directory for this open file description alone; false when another has it. flock(2).
    /// </summary>
    public static bool TryLockWhole(SafeFileHandle file)
    {
        const int LOCK_EX = 2, LOCK_NB = 4;
        return Flock(file, LOCK_EX | LOCK_NB) == 0 || (LastError is Errno.EAGAIN ? false : throw Failed("flock"));
    }

    /// <summary>The same, once no other has it. flock(2).</summary>
    public static void LockWhole(SafeFileHandle file)
    {
        const int LOCK_EX = 2;
        while (Flock(file, LOCK_EX) < 0)
        {
            if (LastError is not Errno.EINTR)
            {
                throw Failed("flock");
            }
        }
    }

    private static bool SetLock(SafeFileHandle file, short type)
    {
        const int F_OFD_SETLK = 37;
        var wanted = new FileLock { Type = type };
        return Lock(file, F_OFD_SETLK, &wanted) >= 0;
    }

    [LibraryImport("libc", EntryPoint = "fcntl", SetLastError = true)]
    private static partial int Lock(SafeFileHandle file, int command, FileLock* wanted);

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int Flock(SafeFileHandle file, int operation);
}

/// <summary>A lock of a range of a file; struct flock.</summary>
internal struct FileLock
{
    public short Type, Whence;
    public long Start, Length;
    public int ProcessId;
}
