namespace ContainerKit;

/// <content>What version 2 gives to the groups in a group, which is nothing until it is enabled.</content>
public sealed partial class Cgroup
{
    private const string Enabled = "cgroup.subtree_control";

    /// <summary>The controllers that count, beside those that are to limit.</summary>
    private static readonly string[] OfProcesses = ["cpu", "io", "memory", "pids"], OfThreads = ["cpu", "pids"];

    private void EnableControllers(CgroupLimits? limits, string[] wanted)
    {
        if (limits is null || Unified is not { } unified || unified.Controllers.Length == 0)
        {
            return;
        }

        List<string> needed = [.. CgroupController.All
            .Where(controller => controller.Concerns(limits) && !controller.IsInAllOfVersion2)
            .Select(controller => controller.Name), .. UnifiedFiles.ControllersOf(limits)];
        List<string> missing = [.. needed.Union(wanted).Intersect(unified.Controllers)];
        if (missing.Count > 0)
        {
            missing.RemoveAll(unified.Read(Enabled).Split(' ').Contains);
        }

        if (missing.Count == 0)
        {
            return;
        }

        try
        {
            unified.Write(Enabled, string.Join(' ', missing.Select(name => $"+{name}")));
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EBUSY && needed.Intersect(missing).Any())
        {
            throw new LimitNotSupportedException(
                $"The cgroup '{unified.Path}' has processes of its own, so that the groups in it cannot be limited: "
                + $"move them into one of these, as by Cgroup.OfThisProcess().{nameof(MoveProcessesInto)}(\"host\").");
        }
        catch (LinuxException) when (!needed.Intersect(missing).Any())
        {
            // What was not asked for is not counted.
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS)
        {
            throw NotHere(needed.Intersect(missing).First());
        }
    }
}
