namespace ContainerKit;

/// <summary>A system call failed.</summary>
public class LinuxException : IOException
{
    /// <summary>Describes a failed call.</summary>
    public LinuxException(string call, Errno errno, string? path = null)
        : this(path is null ? $"{call}: {errno}" : $"{call} '{path}': {errno}", call, errno, path)
    {
    }

    private protected LinuxException(string message, string call, Errno errno, string? path)
        : base(message, (int)errno)
    {
        Call = call;
        Errno = errno;
        Path = path;
    }

    /// <summary>The call that failed, as section 2 of the manual names it.</summary>
    public string Call { get; }

    /// <summary>Why it failed.</summary>
    public Errno Errno { get; }

    /// <summary>The path it was about, if it was about one.</summary>
    public string? Path { get; }
}
