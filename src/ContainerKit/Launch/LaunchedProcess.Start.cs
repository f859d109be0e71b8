using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

internal sealed partial class LaunchedProcess
{
    /// <summary>
    /// Starts a launcher on a plan, and disposes that at the end. For who only waits for the end
    /// (<paramref name="onlyEnd"/>),
    /// <see cref="Started"/> completes no sooner, and wakes this process up no more often.
    /// </summary>
    public static LaunchedProcess Start(
        Launcher launcher, LaunchPlan plan, ReadOnlySpan<SafeFileHandle> standard, bool onlyEnd = false)
    {
        try
        {
            plan.Encode(RuntimeInformation.ProcessArchitecture);
            var launched = new LaunchedProcess(
                SpawnedLauncher.Start(launcher, plan.FirstPart, plan.SecondPart, standard, plan.Inherited));
            launched.Watch(plan, onlyEnd);
            return launched;
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>
    /// Starts a launcher on a plan's first part; it waits for <see cref="Complete"/> or <see cref="AbandonAsync"/>.
    /// </summary>
    public static LaunchedProcess Prepare(Launcher launcher, ReadOnlySpan<byte> firstPart)
    {
        using var nothing = Syscall.Open("/dev/null", OpenFlags.O_RDWR);
        return new(SpawnedLauncher.Start(launcher, firstPart, [], [nothing, nothing, nothing], []));
    }

    /// <summary>
    /// Gives a prepared launcher the rest of a plan with the same first part, and the standard streams; false when it
    /// is there no more. Otherwise as <see cref="Start(Launcher, LaunchPlan, ReadOnlySpan{SafeFileHandle}, bool)"/>.
    /// </summary>
    public bool Complete(LaunchPlan plan, ReadOnlySpan<SafeFileHandle> standard, bool onlyEnd)
    {
        if (!PartMessage.Send(_setup, plan.SecondPart, standard))
        {
            return false;
        }

        Watch(plan, onlyEnd);
        return true;
    }

    /// <summary>Ends a prepared launcher.</summary>
    public async Task AbandonAsync()
    {
        if (_control.IsClosed)
        {
            return;
        }

        try
        {
            Watch(LaunchPlan.Rent(), onlyEnd: true);
        }
        catch (LinuxException)
        {
            return; // it has ended
        }

        Send(Signal.SIGKILL);
        await Task.WhenAll(Ended, Gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }
}
