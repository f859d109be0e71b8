using System.Collections.Concurrent;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What the kernel does with a file system, which is tried once.</summary>
internal static class OverlayProbe
{
    private static readonly ConcurrentDictionary<(uint, uint), Task<bool>> Mounted = new(), Mapped = new();

    /// <summary>
    /// Whether it mounts overlays on that of a store. Where not even that can be tried, a start says why.
    /// </summary>
    public static Task<bool> CanMountAsync(StoreDirectory staging, Launcher launcher) =>
        Mounted.GetOrAdd(FileSystem(staging), _ => TryAsync(staging, launcher));

    /// <summary>Whether it mounts it with other ids, as root's containers need it.</summary>
    public static Task<bool> CanMapAsync(StoreDirectory staging, Launcher launcher) =>
        Mapped.GetOrAdd(FileSystem(staging), _ => TryMapAsync(staging, launcher));

    private static (uint Major, uint Minor) FileSystem(StoreDirectory staging)
    {
        var status = Syscall.Status(staging.Handle);
        return (status.FileSystemMajor, status.FileSystemMinor);
    }

    private static async Task<bool> TryMapAsync(StoreDirectory staging, Launcher launcher)
    {
        try
        {
            using var ids = await MappedNamespace
                .MakeAsync(launcher, ShiftedOwners.MapFrom(ShiftedOwners.First), CancellationToken.None)
                .ConfigureAwait(false);
            using var maker = NamespaceMaker.Start(launcher, LaunchPlan.Making("whether ids can be mapped", plan =>
            {
                var tree = plan.Outside.CloneTree(plan.Inherit(staging.Handle), "", OpenTreeFlags.AT_EMPTY_PATH);
                plan.Outside.MapIdsOf(tree, plan.Inherit(ids), recursive: false);
            }));
            await maker.Said.ConfigureAwait(false);
            return true;
        }
        catch (LinuxException refused)
        {
            return refused is not { Call: "mount_setattr", Errno: Errno.EINVAL };
        }
    }

    private static async Task<bool> TryAsync(StoreDirectory staging, Launcher launcher)
    {
        var name = $"probe-{Guid.NewGuid():N}";
        try
        {
            using var place = staging.Make(name, StoreDirectory.Closed);
            foreach (var directory in new[] { "lower", "upper", "work" })
            {
                using var made = place.Make(directory, StoreDirectory.Closed);
                Syscall.SetAttribute(made.Handle, "user.overlay.opaque", "y"u8);
            }

            await MountAsync(place, launcher).ConfigureAwait(false);
            return true;
        }
        catch (LinuxException refused)
        {
            return refused is not { Call: "fsopen" or "fsconfig" or "fsmount" or "fsetxattr" };
        }
        finally
        {
            if (staging.Has(name))
            {
                HostileTree.Remove(staging.Handle, StoreDirectory.Bytes(name));
            }
        }
    }

    /// <summary>As a container does, in namespaces of its own.</summary>
    private static async Task MountAsync(StoreDirectory place, Launcher launcher)
    {
        var own = new RangesIdMap(
            new("users", [new(0, Syscall.EffectiveUser, 1)]), new("groups", [new(0, Syscall.EffectiveGroup, 1)]));
        using var maker = NamespaceMaker.Start(launcher, LaunchPlan.Making("whether overlays can be mounted", plan =>
        {
            plan.Outside.ChangeDirectory(plan.Inherit(place.Handle)); // which comes along into the mount namespace
            plan.Outside.Unshare(CloneFlags.CLONE_NEWUSER | CloneFlags.CLONE_NEWNS);
            plan.SayAndWait();
            plan.Outside.MakeFileSystem(
                "overlay", MountAttributes.None, "lowerdir=lower,upperdir=upper,workdir=work,userxattr");
        }));
        await maker.Said.ConfigureAwait(false);
        await MappedNamespace.MapAsync(own, maker.ProcessId, CancellationToken.None).ConfigureAwait(false);
        maker.GoOn();
        await maker.Said.ConfigureAwait(false);
    }
}
