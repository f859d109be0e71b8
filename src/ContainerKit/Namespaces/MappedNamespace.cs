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
        using var maker = NamespaceMaker.Start(launcher, map);
        await maker.Made.WaitAsync(cancellationToken).ConfigureAwait(false);
        if (RangesIdMap.WritesMaps)
        {
            Write(map, maker.ProcessId, "uid_map", map.Users);
            Write(map, maker.ProcessId, "gid_map", map.Groups);
        }
        else
        {
            await IdMappers.MapAsync(map, maker.ProcessId, map.Users, cancellationToken).ConfigureAwait(false);
            await IdMappers.MapAsync(map, maker.ProcessId, map.Groups, cancellationToken).ConfigureAwait(false);
        }

        return maker.Open();
    }

    private static void Write(RangesIdMap map, int processId, string file, IdRanges ranges)
    {
        try
        {
            using var open = Syscall.Open($"/proc/{processId}/{file}", OpenFlags.O_WRONLY);
            Syscall.Write(open, System.Text.Encoding.ASCII.GetBytes(ranges.Text)); // all at once, or not at all
        }
        catch (LinuxException failure)
        {
            throw new LaunchException($"write(\"{file}\")", $"{map}", failure.Call, failure.Errno, hint: null);
        }
    }
}
