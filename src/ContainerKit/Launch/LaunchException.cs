namespace ContainerKit;

/// <summary>
/// A container could not be started: a step of its launch failed, and everything before it was unmade.
/// </summary>
public sealed class LaunchException : LinuxException
{
    internal LaunchException(string step, string cause, string call, Errno errno, string? hint)
        : base($"{cause}: {step} failed: {errno}.{(hint is null ? "" : " " + hint)}", call, errno, path: null) =>
        (Step, Cause, Hint) = (step, cause, hint);

    /// <summary>The system call that failed, with its arguments, as <see cref="Container.Explain"/> shows it.</summary>
    public string Step { get; }

    /// <summary>The part of the options that asked for it.</summary>
    public string Cause { get; }

    /// <summary>What to do, where the error does not say it.</summary>
    public string? Hint { get; }
}
