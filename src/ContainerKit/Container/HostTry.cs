using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Starts that end before a program would run: the last step executes a directory, which the kernel refuses.
/// </summary>
internal sealed class HostTry(Launcher launcher, CancellationToken cancellationToken)
{
    private const string NoProgram = "/";

    /// <summary>
    /// Makes namespaces, with some more steps, and gives the first failure; null when there is none. Of a new user
    /// namespace the child is root.
    /// </summary>
    public Task<LinuxException?> StartAsync(CloneFlags namespaces, Action<LaunchPlan>? add = null) =>
        EndAsync(() => LaunchPlan.Make(plan =>
        {
            (plan.Namespaces, plan.Init) = (namespaces, false);
            plan.Begin();
            if (namespaces.HasFlag(CloneFlags.CLONE_NEWUSER))
            {
                IdMap.SingleId.AddTo(plan, 0, 0);
            }

            add?.Invoke(plan);
            plan.End();
            plan.Execute([NoProgram], [NoProgram], []);
        }));

    /// <summary>Makes all of a container with default options, but for the limit of processes.</summary>
    public Task<LinuxException?> StartContainerAsync(int? maxProcesses = ContainerOptions.DefaultMaxProcesses) =>
        EndAsync(() => ContainerPlan.Make(new ContainerOptions { Command = [NoProgram], MaxProcesses = maxProcesses }));

    private async Task<LinuxException?> EndAsync(Func<LaunchPlan> make)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LaunchedProcess launched;
        try
        {
            launched = LaunchedProcess.Start(launcher, make(), StandardStreams.None);
        }
        catch (LinuxException failure)
        {
            return failure;
        }

        await using (cancellationToken.UnsafeRegister(Kill, launched).ConfigureAwait(false))
        {
            await Task.WhenAll(launched.Ended, launched.Gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        cancellationToken.ThrowIfCancellationRequested();
        return launched.Ended.Exception?.InnerException is LinuxException { Call: not "execve" } failedStep
            ? failedStep
            : null;
    }

    private static void Kill(object? launched) => ((LaunchedProcess)launched!).Send(Signal.SIGKILL);
}
