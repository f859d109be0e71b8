using System.Globalization;
using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What the kernel is and which calls it answers.</summary>
internal static class HostKernel
{
    private static readonly Version OldestKernel = new(5, 14);

    // Each with arguments that it must refuse: nothing happens, and an unknown or filtered call says so.
    private static readonly (string Name, SyscallNumber Number, nint[] Arguments, Version Since)[] Calls =
    [
        ("clone3", SyscallNumber.clone3, [0, 0, 0, 0], new(5, 3)),
        ("pidfd_open", SyscallNumber.pidfd_open, [-1, 0, 0, 0], new(5, 3)),
        ("openat2", SyscallNumber.openat2, [-1, 0, 0, 0], new(5, 6)),
        ("close_range", SyscallNumber.close_range, [1, 0, 0, 0], new(5, 9)),
        ("mount_setattr", SyscallNumber.mount_setattr, [-1, 0, 0, 0], new(5, 12)),
    ];

    private static Version Version => Environment.OSVersion.Version;

    /// <summary>Whether this can be asked more.</summary>
    public static IReadOnlyList<HostFinding> ProbePlatform()
    {
        if (!OperatingSystem.IsLinux())
        {
            return [HostFinding.No(
                "kernel", new($"This is {RuntimeInformation.OSDescription}.", "Run on Linux 5.14 or newer."))];
        }

        var old = new HostRefusal($"Linux {Version} is too old.", "Run Linux 5.14 or newer; 6.1 and newer are tested.");
        var foreign = new HostRefusal($"ContainerKit has no launcher for {Architecture}.", "Run on x64 or arm64.");
        return
        [
            HostFinding.Of("kernel", Version >= OldestKernel ? null : old,
                $"Linux {HostSurroundings.Setting("kernel.osrelease") ?? $"{Version}"}"),
            HostFinding.Of("architecture", IsArchitectureKnown ? null : foreign, $"{Architecture}"),
        ];
    }

    /// <summary>Whether a launcher exists for this machine.</summary>
    public static bool IsArchitectureKnown => Architecture is Architecture.X64 or Architecture.Arm64;

    /// <summary>The system calls.</summary>
    public static IEnumerable<HostFinding> ProbeCalls(HostSurroundings around)
    {
        foreach (var (name, number, arguments, since) in Calls)
        {
            var errno = Syscall.Refusal(number, arguments[0], arguments[1], arguments[2], arguments[3]);
            yield return HostFinding.Of(name,
                errno is Errno.EINVAL or Errno.EFAULT or Errno.EBADF ? null : Explain(name, errno, since, around));
        }

        yield return Landlock();
        yield return Try("seccomp filter", () => Syscall.CheckSeccompReturn(SeccompReturn.SECCOMP_RET_ERRNO),
            NoSeccomp);
        yield return Try("seccomp notification", () => Syscall.CheckSeccompReturn(SeccompReturn.SECCOMP_RET_USER_NOTIF),
            NoSeccomp);
    }

    private static HostRefusal Explain(string name, Errno errno, Version since, HostSurroundings around) =>
        around.HasSeccompFilter ? HostRefusals.Filtered(name, errno)
        : Version < since ? new($"Linux {Version} has no {name}.", $"Run Linux {since} or newer.")
        : new($"{name} is refused with {errno}.", "Let the kernel's security module around this process permit it.");

    private static HostRefusal NoSeccomp(LinuxException failure) =>
        new($"The kernel says {failure.Errno} to it.",
            "Run a kernel with CONFIG_SECCOMP_FILTER, outside of a filter that hides seccomp(2).");

    /// <summary>Whether it has Landlock, and what that can restrict.</summary>
    public static HostFinding Landlock()
    {
        try
        {
            var version = Syscall.LandlockVersion();
            var features = LandlockFeature.All.Where(feature => feature.Version <= version)
                .Select(feature => feature.Name);
            return HostFinding.Yes("Landlock", string.Create(
                CultureInfo.InvariantCulture, $"ABI {version}: {string.Join(", ", features)}"));
        }
        catch (LinuxException failure)
        {
            return HostFinding.No("Landlock", failure.Errno is Errno.ENOTSUP
                ? new("The kernel has it, but it was not enabled at the boot.",
                    "Add landlock to the lsm= list of the kernel's command line.")
                : new($"The kernel says {failure.Errno} to it.",
                    "Run a kernel with CONFIG_SECURITY_LANDLOCK, 5.13 or newer, outside of a filter."));
        }
    }

    private static HostFinding Try(string name, Action attempt, Func<LinuxException, HostRefusal> explain)
    {
        try
        {
            attempt();
            return HostFinding.Yes(name);
        }
        catch (LinuxException failure)
        {
            return HostFinding.No(name, explain(failure));
        }
    }

    private static Architecture Architecture => RuntimeInformation.ProcessArchitecture;
}
