namespace ContainerKit;

/// <summary>Processes in a container of their own, started by this process and ended with it.</summary>
public static class Container
{
    /// <summary>
    /// Runs a program in a container until it ends; then nothing is left of the container. An exit code other than 0
    /// does not throw. Cancelling kills it, waits until it is gone, and throws.
    /// </summary>
    /// <exception cref="ArgumentException">The options cannot be what is meant; nothing was made.</exception>
    /// <exception cref="LaunchException">A step of the start failed; everything was unmade.</exception>
    /// <exception cref="LinuxException">A system call of this process failed; everything was unmade.</exception>
    public static Task<ContainerResult> RunAsync(ContainerOptions options, CancellationToken cancellationToken = default) =>
        ContainerHost.Default.RunAsync(options, cancellationToken);

    /// <summary>Says, without starting anything, which system calls a start would make where, in the manner of strace.</summary>
    public static string Explain(ContainerOptions options)
    {
        ArgumentNullException.ThrowIfNull(options);
        OptionsCheck.Validate(options);
        using var plan = ContainerPlan.Make(options);
        return plan.ToString();
    }
}
