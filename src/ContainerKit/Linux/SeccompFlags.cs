namespace ContainerKit.Linux;

/// <summary>What a filter answers to a call; the lower 16 bits are an errno, where it is one; seccomp(2).</summary>
internal enum SeccompReturn : uint
{
    SECCOMP_RET_KILL_THREAD = 0,
    SECCOMP_RET_TRAP = 0x00030000,
    SECCOMP_RET_ERRNO = 0x00050000,
    SECCOMP_RET_USER_NOTIF = 0x7fc00000,
    SECCOMP_RET_LOG = 0x7ffc0000,
    SECCOMP_RET_ALLOW = 0x7fff0000,
    SECCOMP_RET_KILL_PROCESS = 0x80000000,
}

/// <summary>Operations of seccomp(2).</summary>
internal enum SeccompOperation
{
    SECCOMP_SET_MODE_FILTER = 1,
    SECCOMP_GET_ACTION_AVAIL = 2,
}

/// <summary>How a filter is installed; seccomp(2).</summary>
[Flags]
internal enum SeccompFlags
{
    None = 0,
    SECCOMP_FILTER_FLAG_LOG = 0x2,
}

/// <summary>By which table a call has its number; linux/audit.h.</summary>
internal enum AuditArchitecture : uint
{
    AUDIT_ARCH_X86_64 = 0xC000003E,
    AUDIT_ARCH_AARCH64 = 0xC00000B7,
}
