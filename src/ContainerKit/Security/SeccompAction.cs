using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What becomes of a system call; seccomp(2).</summary>
public readonly record struct SeccompAction
{
    /// <summary>The greatest errno that a call can return.</summary>
    internal const int LastErrno = 4095;

    private SeccompAction(SeccompReturn action, int errno = 0) => Value = (uint)action | (uint)errno;

    private SeccompAction(uint value) => Value = value;

    /// <summary>It is made.</summary>
    public static SeccompAction Allow { get; } = new(SeccompReturn.SECCOMP_RET_ALLOW);

    /// <summary>It is made, and the kernel's audit log says so.</summary>
    public static SeccompAction Log { get; } = new(SeccompReturn.SECCOMP_RET_LOG);

    /// <summary>It is not made; the thread gets a SIGSYS, which a program can handle.</summary>
    public static SeccompAction Trap { get; } = new(SeccompReturn.SECCOMP_RET_TRAP);

    /// <summary>It is not made, and the thread is gone; the default of this type.</summary>
    public static SeccompAction KillThread { get; } = new(SeccompReturn.SECCOMP_RET_KILL_THREAD);

    /// <summary>It is not made, and the process is killed by a SIGSYS.</summary>
    public static SeccompAction KillProcess { get; } = new(SeccompReturn.SECCOMP_RET_KILL_PROCESS);

    /// <summary>What a filter returns to the kernel.</summary>
    internal uint Value { get; }

    /// <summary>Whether the call is made.</summary>
    internal bool LetsPass => this == Allow || this == Log;

    /// <summary>Whether the call fails by itself.</summary>
    internal bool IsErrno => (Value & 0xFFFF0000) == (uint)SeccompReturn.SECCOMP_RET_ERRNO;

    /// <summary>It is not made, and fails with an errno of at most 4095.</summary>
    /// <exception cref="ArgumentOutOfRangeException">The kernel has no such errno.</exception>
    public static SeccompAction Errno(Errno errno)
    {
        ArgumentOutOfRangeException.ThrowIfNegative((int)errno, nameof(errno));
        ArgumentOutOfRangeException.ThrowIfGreaterThan((int)errno, LastErrno, nameof(errno));
        return new(SeccompReturn.SECCOMP_RET_ERRNO, (int)errno);
    }

    /// <summary>The action of what a filter returns.</summary>
    internal static SeccompAction Of(uint value) => new(value);

    /// <summary>Names it: <c>allow</c>, <c>errno EPERM</c>.</summary>
    public override string ToString() => (SeccompReturn)Value switch
    {
        SeccompReturn.SECCOMP_RET_ALLOW => "allow",
        SeccompReturn.SECCOMP_RET_LOG => "log",
        SeccompReturn.SECCOMP_RET_TRAP => "trap",
        SeccompReturn.SECCOMP_RET_KILL_THREAD => "kill the thread",
        SeccompReturn.SECCOMP_RET_KILL_PROCESS => "kill the process",
        _ => $"errno {(Errno)(Value & 0xFFFF)}",
    };
}
