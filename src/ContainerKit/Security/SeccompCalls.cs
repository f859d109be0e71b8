namespace ContainerKit;

/// <summary>The system calls that profiles allow, by what they are for; each stands in one group.</summary>
internal static class SeccompCalls
{
    /// <summary>Files and directories, pipes, and what is written and read.</summary>
    public const string Files = """
        access chdir chmod chown close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2
        fadvise64 fallocate fchdir fchmod fchmodat fchown fchownat fcntl fdatasync fgetxattr flistxattr flock
        fremovexattr fsetxattr fstat fstatfs fsync ftruncate futimesat getcwd getdents getdents64 getxattr
        inotify_add_watch inotify_init inotify_init1 inotify_rm_watch lchown lgetxattr link linkat listxattr
        llistxattr lremovexattr lseek lsetxattr lstat memfd_create mkdir mkdirat mknod mknodat newfstatat open
        openat openat2 pipe pipe2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink
        readlinkat readv removexattr rename renameat renameat2 rmdir sendfile setxattr splice stat statfs statx
        symlink symlinkat sync_file_range syncfs truncate umask unlink unlinkat utime utimensat utimes write writev
        """;

    /// <summary>Waiting for what happens to descriptors.</summary>
    public const string Waits = """
        epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd eventfd2 pause poll ppoll
        pselect6 select signalfd signalfd4
        """;

    /// <summary>A process's own memory.</summary>
    public const string Memory = """
        brk get_mempolicy madvise mbind membarrier mincore mlock mlock2 mlockall mmap mprotect mremap msync munlock
        munlockall munmap pkey_alloc pkey_free pkey_mprotect set_mempolicy
        """;

    /// <summary>Processes and threads: their ids, signals, priorities and limits, and what they give up.</summary>
    public const string Processes = """
        capget capset execve execveat exit exit_group fork futex get_robust_list getcpu getegid geteuid getgid
        getgroups getpgid getpgrp getpid getppid getpriority getrandom getresgid getresuid getrlimit getrusage
        getsid gettid getuid ioprio_get ioprio_set kill landlock_add_rule landlock_create_ruleset
        landlock_restrict_self pidfd_open pidfd_send_signal prctl prlimit64 restart_syscall rseq rt_sigaction
        rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo
        sched_get_priority_max sched_get_priority_min sched_getaffinity sched_getattr sched_getparam
        sched_getscheduler sched_rr_get_interval sched_setaffinity sched_setattr sched_setparam sched_setscheduler
        sched_yield seccomp set_robust_list set_tid_address setfsgid setfsuid setgid setgroups setpgid setpriority
        setregid setresgid setresuid setreuid setrlimit setsid setuid sigaltstack sysinfo tgkill tkill uname vfork
        wait4 waitid
        """;

    /// <summary>Clocks and timers.</summary>
    public const string Time = """
        alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer time
        timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
        timerfd_settime times
        """;

    /// <summary>What is done with a socket once it is there.</summary>
    public const string Sockets = """
        accept accept4 bind connect getpeername getsockname getsockopt listen recvfrom recvmmsg recvmsg sendmmsg
        sendmsg sendto setsockopt shutdown
        """;

    /// <summary>Other ways for the same, and shared memory, semaphores and messages of System V and POSIX.</summary>
    public const string Old = """
        epoll_ctl_old epoll_wait_old get_thread_area io_cancel io_destroy io_getevents io_setup io_submit
        mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd
        remap_file_pages semctl semget semop semtimedop set_thread_area shmat shmctl shmdt shmget sync tee
        """;

    /// <summary>
    /// What the kernel itself allows only to privileged processes, or of processes that the caller may trace.
    /// </summary>
    public const string Privileged = """
        adjtimex clock_adjtime fanotify_mark fsconfig fsmount fsopen fspick memfd_secret mount mount_setattr
        move_mount name_to_handle_at open_tree pidfd_getfd pivot_root process_mrelease process_vm_readv
        process_vm_writev ptrace reboot setns syslog umount2 unshare
        """;

    /// <summary>The names in groups.</summary>
    public static string[] In(params string[] groups) =>
        string.Join(' ', groups).Split([' ', '\n'], StringSplitOptions.RemoveEmptyEntries);
}
