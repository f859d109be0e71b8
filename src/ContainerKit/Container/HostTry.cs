using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Starts that end before a program would run: the last step executes a directory, which the kernel refuses.</summary>
internal sealed class HostTry(Launcher launcher, CancellationToken cancellationToken)
{
    private const string NoProgram = "/";

    /// <summary>
    /// Makes namespaces, with some more steps, and gives the first failure; null when there is none. Of a new user
    /// namespace the child is root.
    /// </summary>
    public Task<LinuxException?> StartAsync(CloneFlags namespaces, Action<LaunchPlan>? add = null) =>
        EndAsync(() => LaunchedProcess.Start(launcher, [], (plan, control) =>
        {
            (plan.Namespaces, plan.Init) = (namespaces, false);
            plan.Begin();
            if (namespaces.HasFlag(CloneFlags.CLONE_NEWUSER))
            {
                IdMap.SingleId.AddTo(plan, 0, 0);
            }

            add?.Invoke(plan);
            plan.End(control);
            plan.Execute(control, [NoProgram], [NoProgram], []);
        }));

    /// <summary>Makes all of a container with default options.</summary>
    public Task<LinuxException?> StartContainerAsync() =>
        EndAsync(() => ContainerPlan.Start(new ContainerOptions { Command = [NoProgram] }, launcher, []));

    private async Task<LinuxException?> EndAsync(Func<LaunchedProcess> start)
    {
        cancellationToken.ThrowIfCancellationRequested();
        LaunchedProcess launched;
        try
        {
            launched = start();
        }
        catch (LinuxException failure)
        {
            return failure;
        }

        await using (cancellationToken.UnsafeRegister(Kill, launched).ConfigureAwait(false))
        {
            await ((Task)launched.Ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        cancellationToken.ThrowIfCancellationRequested();
        return launched.Ended.Exception?.InnerException is LinuxException { Call: not "execve" } failedStep ? failedStep : null;
    }

    private static void Kill(object? launched) => ((LaunchedProcess)launched!).Send(Signal.SIGKILL);
}
