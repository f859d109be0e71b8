namespace ContainerKit.Launch;

/// <summary>What the launcher's roles tell the host over the control channel; struct message of launcher.c.</summary>
internal readonly record struct Message(MessageKind Kind, int Status);

/// <summary>The kinds of message.</summary>
internal enum MessageKind
{
    /// <summary>The sender is about to become the program.</summary>
    Started = 1,

    /// <summary>The program below an init ended, with the status wait4(2) gave.</summary>
    ProgramExited = 2,

    /// <summary>PID 1 ended, and with it everything in its pid namespace.</summary>
    InitExited = 3,

    /// <summary>PID 1 was made; a descriptor that stands for it is attached.</summary>
    InitMade = 4,

    /// <summary>Something was opened for the host, such as the master of a terminal, and is attached.</summary>
    Opened = 5,
}

/// <summary>Why a step failed, as it comes over the setup channel; struct failure of launcher.c.</summary>
internal readonly record struct Failure(int Part, int Step, long Result)
{
    /// <summary>None where the result was no error, but too small.</summary>
    public Errno Errno => Result < 0 ? (Errno)(-Result) : Errno.None;
}
