using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Makes user namespaces that have ids before anybody lives in them.</summary>
internal static class MappedNamespace
{
    /// <summary>A descriptor that keeps a new one, which has these ids and this process's own.</summary>
    public static async Task<SafeFileHandle> MakeAsync(
        Launcher launcher, RangesIdMap map, CancellationToken cancellationToken)
    {
        map.CheckPermitted();
        map = new(map.Users.With(Syscall.EffectiveUser), map.Groups.With(Syscall.EffectiveGroup));
        map.CheckPermitted();
        using var maker = NamespaceMaker.Start(
            launcher, LaunchPlan.Making(map, plan => plan.Outside.Unshare(CloneFlags.CLONE_NEWUSER)));
        await maker.Said.WaitAsync(cancellationToken).ConfigureAwait(false);
        await MapAsync(map, maker.ProcessId, cancellationToken).ConfigureAwait(false);
        return maker.Open("user");
    }

    /// <summary>Maps the ids of the user namespace of a process that was made just now.</summary>
    public static async Task MapAsync(RangesIdMap map, int processId, CancellationToken cancellationToken)
    {
        if (RangesIdMap.WritesMaps || map.IsOwnIds)
        {
            Write(map, processId, "uid_map", map.Users.Text);
            if (!RangesIdMap.WritesMaps)
            {
                Write(map, processId, "setgroups", "deny"); // or the kernel refuses an ordinary user's gid_map
            }

            Write(map, processId, "gid_map", map.Groups.Text);
        }
        else
        {
            await IdMappers.MapAsync(map, processId, map.Users, cancellationToken).ConfigureAwait(false);
            await IdMappers.MapAsync(map, processId, map.Groups, cancellationToken).ConfigureAwait(false);
        }
    }

    private static void Write(RangesIdMap map, int processId, string file, string content)
    {
        try
        {
            using var open = Syscall.Open($"/proc/{processId}/{file}", OpenFlags.O_WRONLY);
            Syscall.Write(open, System.Text.Encoding.ASCII.GetBytes(content)); // all at once, or not at all
        }
        catch (LinuxException failure)
        {
            throw new LaunchException($"write(\"{file}\")", $"{map}", failure.Call, failure.Errno, hint: null);
        }
    }
}
