namespace ContainerKit;

/// <summary>A signal, by the kernel's name; signal(7).</summary>
public enum Signal
{
    /// <summary>Hangup of the terminal, or "read the configuration again".</summary>
    SIGHUP = 1,

    /// <summary>Interrupt from the keyboard.</summary>
    SIGINT = 2,

    /// <summary>Quit from the keyboard.</summary>
    SIGQUIT = 3,

    /// <summary>Illegal instruction.</summary>
    SIGILL = 4,

    /// <summary>Trace or breakpoint trap.</summary>
    SIGTRAP = 5,

    /// <summary>Abort.</summary>
    SIGABRT = 6,

    /// <summary>Bad memory access by the bus.</summary>
    SIGBUS = 7,

    /// <summary>Arithmetic error.</summary>
    SIGFPE = 8,

    /// <summary>Kill; it cannot be caught.</summary>
    SIGKILL = 9,

    /// <summary>First of the program's own.</summary>
    SIGUSR1 = 10,

    /// <summary>Invalid memory reference.</summary>
    SIGSEGV = 11,

    /// <summary>Second of the program's own.</summary>
    SIGUSR2 = 12,

    /// <summary>Write to a pipe that nobody reads.</summary>
    SIGPIPE = 13,

    /// <summary>Timer of alarm(2).</summary>
    SIGALRM = 14,

    /// <summary>A request to end.</summary>
    SIGTERM = 15,

    /// <summary>Stack fault of a coprocessor; unused.</summary>
    SIGSTKFLT = 16,

    /// <summary>A child stopped or ended.</summary>
    SIGCHLD = 17,

    /// <summary>Go on after a stop.</summary>
    SIGCONT = 18,

    /// <summary>Stop; it cannot be caught.</summary>
    SIGSTOP = 19,

    /// <summary>Stop from the keyboard.</summary>
    SIGTSTP = 20,

    /// <summary>Terminal input for a background process.</summary>
    SIGTTIN = 21,

    /// <summary>Terminal output of a background process.</summary>
    SIGTTOU = 22,

    /// <summary>Urgent data on a socket.</summary>
    SIGURG = 23,

    /// <summary>CPU time limit exceeded.</summary>
    SIGXCPU = 24,

    /// <summary>File size limit exceeded.</summary>
    SIGXFSZ = 25,

    /// <summary>Virtual timer.</summary>
    SIGVTALRM = 26,

    /// <summary>Profiling timer.</summary>
    SIGPROF = 27,

    /// <summary>The terminal's size changed.</summary>
    SIGWINCH = 28,

    /// <summary>Input or output is possible.</summary>
    SIGIO = 29,

    /// <summary>Power failure.</summary>
    SIGPWR = 30,

    /// <summary>Bad system call, or a seccomp filter's verdict.</summary>
    SIGSYS = 31,
}
