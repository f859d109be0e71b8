using System.Globalization;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// What no container's program has: capabilities it was not given, a way to new ones, the host's keys, room for endless
/// processes.
/// </summary>
internal static class SecurityFloor
{
    private static int _lastCapability; // once known; there are more than one

    private static int LastCapability => _lastCapability > 0
        ? _lastCapability
        : _lastCapability = int.Parse(Syscall.ReadText("/proc/sys/kernel/cap_last_cap"), CultureInfo.InvariantCulture);

    /// <summary>
    /// What a program may have at the most of what the kernel also counts for the host's user who made its user
    /// namespace: settings of /proc/sys/user, namespaces(7). With a user namespace within, it would have privileges
    /// there, and with a cgroup namespace, too, the cgroup that it is in, which for an ordinary user is that user's.
    /// </summary>
    public static List<KernelSetting> LimitsOfUser(int userNamespaces)
    {
        List<KernelSetting> limits =
        [
            new("sys/user/max_user_namespaces", userNamespaces.ToString(CultureInfo.InvariantCulture)),
            new("sys/user/max_inotify_instances", "32") { MayBeMissing = true },
            new("sys/user/max_inotify_watches", "16384") { MayBeMissing = true },
            new("sys/user/max_fanotify_groups", "16") { MayBeMissing = true },
            new("sys/user/max_fanotify_marks", "16384") { MayBeMissing = true },
        ];
        if (userNamespaces > 0)
        {
            limits.Add(new("sys/user/max_cgroup_namespaces", "0"));
        }

        return limits;
    }

    /// <summary>
    /// Adds the steps that limit what a program can use up of the host, unless that was <paramref name="chosen"/>.
    /// </summary>
    public static void Limit(LaunchStage confined, int? maxProcesses, Func<Resource, bool> chosen)
    {
        // What is counted for the host's user, too; both are a fraction of what that has.
        SetUnlessChosen(Resource.RLIMIT_SIGPENDING, 4096);
        SetUnlessChosen(Resource.RLIMIT_MSGQUEUE, 256 * 1024);

        // The kernel pipes a core to a program of the host whatever the limit is, except for this one; core(5). A
        // program can lower it, and so give up the protection.
        confined.SetLimit(Resource.RLIMIT_CORE, 1, 1);
        if (maxProcesses is { } most)
        {
            // Counted by the kernel within the user namespace since 5.14; only CAP_SYS_RESOURCE raises the hard one.
            var limit = Math.Min((ulong)most, Syscall.GetLimit(Resource.RLIMIT_NPROC).Hard);
            confined.SetLimit(Resource.RLIMIT_NPROC, limit, limit);
        }

        void SetUnlessChosen(Resource resource, ulong most)
        {
            if (!chosen(resource))
            {
                var limit = Math.Min(most, Syscall.GetLimit(resource).Hard);
                confined.SetLimit(resource, limit, limit);
            }
        }
    }

    /// <summary>
    /// Adds the step that keeps a program of this process's user from ending all passing of descriptors, unless that
    /// was <paramref name="chosen"/>: the kernel counts those under way in sockets for all processes of the host's user,
    /// and refuses who has as many as its own limit; unix(7). This process's is higher by an eighth.
    /// </summary>
    public static void LimitDescriptors(LaunchStage program, Func<Resource, bool> chosen)
    {
        if (!chosen(Resource.RLIMIT_NOFILE))
        {
            var (soft, _) = Syscall.GetLimit(Resource.RLIMIT_NOFILE);
            program.SetLimit(Resource.RLIMIT_NOFILE, soft - (soft / 8), soft - (soft / 8));
        }
    }

    /// <summary>
    /// Adds the steps that close the way to all other capabilities; they need the privilege of the container's root.
    /// </summary>
    public static void DropBoundingSet(LaunchStage stage, CapabilitySet kept)
    {
        for (var first = 0; first <= LastCapability; first++)
        {
            var next = first;
            while (next <= LastCapability && !kept.Contains((Capability)next))
            {
                next++;
            }

            if (first < next)
            {
                stage.DropFromBoundingSet(first, next - 1);
                first = next;
            }
        }
    }

    /// <summary>
    /// Adds the steps that leave no other privilege, and no key of the host, where a filter does not deny these to
    /// everybody.
    /// </summary>
    public static void DropPrivileges(LaunchStage confined, CapabilitySets kept, bool mayLackKeys)
    {
        // after the last change of ids; with fewer privileges it stays so
        confined.Prctl(PrctlOption.PR_SET_DUMPABLE, 0);
        confined.NewSessionKeyring();
        if (mayLackKeys)
        {
            confined.Last.Tolerate(Errno.EPERM);
            confined.Last.Tolerate(Errno.ENOSYS);
        }

        confined.Prctl(PrctlOption.PR_CAP_AMBIENT, (long)AmbientCommand.PR_CAP_AMBIENT_CLEAR_ALL);
        confined.SetCapabilities(kept.Effective.Mask, kept.Permitted.Mask, kept.Inheritable.Mask);
        if (kept.Ambient.Count > 0)
        {
            foreach (var capability in kept.Ambient)
            {
                confined.RaiseAmbient(capability);
            }
        }

        // Securebits would add nothing to this: with it, not even root regains a capability by exec.
        confined.Prctl(PrctlOption.PR_SET_NO_NEW_PRIVS, 1);
    }
}
