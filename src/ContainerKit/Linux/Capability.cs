namespace ContainerKit;

/// <summary>
/// What root may do, in parts, by the kernel's names; capabilities(7). A container has them in its own user namespace:
/// over what it made, never over the host.
/// </summary>
public enum Capability
{
    /// <summary>Change the owners of files.</summary>
    CAP_CHOWN = 0,

    /// <summary>Read, write and execute files whatever their permissions say.</summary>
    CAP_DAC_OVERRIDE = 1,

    /// <summary>Read files and enter directories whatever their permissions say.</summary>
    CAP_DAC_READ_SEARCH = 2,

    /// <summary>Do with files of others what only their owner may.</summary>
    CAP_FOWNER = 3,

    /// <summary>Keep set-user-ID bits of files that are changed, and set a foreign set-group-ID bit.</summary>
    CAP_FSETID = 4,

    /// <summary>Send signals to processes of other users.</summary>
    CAP_KILL = 5,

    /// <summary>Take on other groups.</summary>
    CAP_SETGID = 6,

    /// <summary>Take on other users.</summary>
    CAP_SETUID = 7,

    /// <summary>Take capabilities out of the bounding set, add to the inheritable set, and change securebits.</summary>
    CAP_SETPCAP = 8,

    /// <summary>Make files immutable or append-only; the kernel grants it outside of containers alone.</summary>
    CAP_LINUX_IMMUTABLE = 9,

    /// <summary>Listen on ports below 1024.</summary>
    CAP_NET_BIND_SERVICE = 10,

    /// <summary>Unused by the kernel.</summary>
    CAP_NET_BROADCAST = 11,

    /// <summary>Change interfaces, routes and firewalls of the network namespace.</summary>
    CAP_NET_ADMIN = 12,

    /// <summary>Open raw and packet sockets, and bind to any address.</summary>
    CAP_NET_RAW = 13,

    /// <summary>Lock memory beyond its limit; the kernel grants it outside of containers alone.</summary>
    CAP_IPC_LOCK = 14,

    /// <summary>Use System V IPC objects whatever their permissions say.</summary>
    CAP_IPC_OWNER = 15,

    /// <summary>Load kernel modules; the kernel grants it outside of containers alone.</summary>
    CAP_SYS_MODULE = 16,

    /// <summary>Reach ports, memory and devices directly; the kernel grants it outside of containers alone.</summary>
    CAP_SYS_RAWIO = 17,

    /// <summary>Change the root directory, and join mount namespaces.</summary>
    CAP_SYS_CHROOT = 18,

    /// <summary>Trace and read processes of other users, and with more capabilities.</summary>
    CAP_SYS_PTRACE = 19,

    /// <summary>Switch process accounting; the kernel grants it outside of containers alone.</summary>
    CAP_SYS_PACCT = 20,

    /// <summary>
    /// Mount and unmount, make and join namespaces, set the host name, and much more. With it nothing in a container is
    /// read-only or masked for good, /proc and /sys neither: options that promise it are refused, and so is an
    /// <see cref="IdMap"/> with this process's own user or the host's root.
    /// </summary>
    CAP_SYS_ADMIN = 21,

    /// <summary>Reboot, which ends the container.</summary>
    CAP_SYS_BOOT = 22,

    /// <summary>Raise priorities; the kernel grants most of it outside of containers alone.</summary>
    CAP_SYS_NICE = 23,

    /// <summary>Exceed limits; the kernel grants most of it outside of containers alone.</summary>
    CAP_SYS_RESOURCE = 24,

    /// <summary>Set the clocks; the kernel grants it outside of containers alone.</summary>
    CAP_SYS_TIME = 25,

    /// <summary>Hang terminals up; the kernel grants it outside of containers alone.</summary>
    CAP_SYS_TTY_CONFIG = 26,

    /// <summary>Make device nodes; the kernel grants it outside of containers alone.</summary>
    CAP_MKNOD = 27,

    /// <summary>Take leases on files of others; the kernel grants it outside of containers alone.</summary>
    CAP_LEASE = 28,

    /// <summary>Write to the audit log; the kernel grants it outside of containers alone.</summary>
    CAP_AUDIT_WRITE = 29,

    /// <summary>Change auditing; the kernel grants it outside of containers alone.</summary>
    CAP_AUDIT_CONTROL = 30,

    /// <summary>Give files capabilities, for programs of the container's user namespace.</summary>
    CAP_SETFCAP = 31,

    /// <summary>Override mandatory access control; Smack has it.</summary>
    CAP_MAC_OVERRIDE = 32,

    /// <summary>Change mandatory access control; Smack has it.</summary>
    CAP_MAC_ADMIN = 33,

    /// <summary>Read the kernel's log; the kernel grants it outside of containers alone.</summary>
    CAP_SYSLOG = 34,

    /// <summary>Set timers that wake the machine; the kernel grants it outside of containers alone.</summary>
    CAP_WAKE_ALARM = 35,

    /// <summary>Keep the machine from suspending; the kernel grants it outside of containers alone.</summary>
    CAP_BLOCK_SUSPEND = 36,

    /// <summary>Read the audit log; the kernel grants it outside of containers alone.</summary>
    CAP_AUDIT_READ = 37,

    /// <summary>Observe performance; the kernel grants it outside of containers alone.</summary>
    CAP_PERFMON = 38,

    /// <summary>Load BPF programs; the kernel grants it outside of containers alone.</summary>
    CAP_BPF = 39,

    /// <summary>Choose process ids, and follow the links of /proc/PID/map_files.</summary>
    CAP_CHECKPOINT_RESTORE = 40,
}
