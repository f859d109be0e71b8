namespace ContainerKit;

/// <summary>What a process may use up, by the kernel's names; getrlimit(2).</summary>
public enum Resource
{
    /// <summary>CPU time, in seconds.</summary>
    RLIMIT_CPU = 0,

    /// <summary>Size of a file, in bytes.</summary>
    RLIMIT_FSIZE = 1,

    /// <summary>Size of the data segment, in bytes.</summary>
    RLIMIT_DATA = 2,

    /// <summary>Size of the stack, in bytes.</summary>
    RLIMIT_STACK = 3,

    /// <summary>Size of a core file, in bytes.</summary>
    RLIMIT_CORE = 4,

    /// <summary>Resident set; it has had no effect since Linux 2.4.30.</summary>
    RLIMIT_RSS = 5,

    /// <summary>Processes and threads of the user, counted within the user namespace.</summary>
    RLIMIT_NPROC = 6,

    /// <summary>One more than the highest descriptor number.</summary>
    RLIMIT_NOFILE = 7,

    /// <summary>Memory locked into RAM, in bytes.</summary>
    RLIMIT_MEMLOCK = 8,

    /// <summary>Size of the address space, in bytes.</summary>
    RLIMIT_AS = 9,

    /// <summary>File locks; it has had no effect since Linux 2.4.25.</summary>
    RLIMIT_LOCKS = 10,

    /// <summary>Signals that may be queued.</summary>
    RLIMIT_SIGPENDING = 11,

    /// <summary>POSIX message queues, in bytes.</summary>
    RLIMIT_MSGQUEUE = 12,

    /// <summary>Ceiling of the nice value, as 20 minus it.</summary>
    RLIMIT_NICE = 13,

    /// <summary>Ceiling of the real-time priority.</summary>
    RLIMIT_RTPRIO = 14,

    /// <summary>CPU time of a real-time process without a blocking call, in microseconds.</summary>
    RLIMIT_RTTIME = 15,
}
