namespace ContainerKit.Linux;

/// <summary>What is denied of files, or allowed; landlock_create_ruleset(2).</summary>
[Flags]
internal enum LandlockFileRights : ulong
{
    None = 0,
    LANDLOCK_ACCESS_FS_EXECUTE = 1 << 0,
    LANDLOCK_ACCESS_FS_WRITE_FILE = 1 << 1,
    LANDLOCK_ACCESS_FS_READ_FILE = 1 << 2,
    LANDLOCK_ACCESS_FS_READ_DIR = 1 << 3,
    LANDLOCK_ACCESS_FS_REMOVE_DIR = 1 << 4,
    LANDLOCK_ACCESS_FS_REMOVE_FILE = 1 << 5,
    LANDLOCK_ACCESS_FS_MAKE_CHAR = 1 << 6,
    LANDLOCK_ACCESS_FS_MAKE_DIR = 1 << 7,
    LANDLOCK_ACCESS_FS_MAKE_REG = 1 << 8,
    LANDLOCK_ACCESS_FS_MAKE_SOCK = 1 << 9,
    LANDLOCK_ACCESS_FS_MAKE_FIFO = 1 << 10,
    LANDLOCK_ACCESS_FS_MAKE_BLOCK = 1 << 11,
    LANDLOCK_ACCESS_FS_MAKE_SYM = 1 << 12,
    LANDLOCK_ACCESS_FS_REFER = 1 << 13,
    LANDLOCK_ACCESS_FS_TRUNCATE = 1 << 14,
    LANDLOCK_ACCESS_FS_IOCTL_DEV = 1 << 15,
}

/// <summary>What is denied of ports, or allowed.</summary>
[Flags]
internal enum LandlockPortRights : ulong
{
    None = 0,
    LANDLOCK_ACCESS_NET_BIND_TCP = 1 << 0,
    LANDLOCK_ACCESS_NET_CONNECT_TCP = 1 << 1,
}

/// <summary>What reaches no process that is less restricted.</summary>
[Flags]
internal enum LandlockScopeFlags : ulong
{
    None = 0,
    LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET = 1 << 0,
    LANDLOCK_SCOPE_SIGNAL = 1 << 1,
}

/// <summary>What a rule is about; landlock_add_rule(2).</summary>
internal enum LandlockRuleType
{
    LANDLOCK_RULE_PATH_BENEATH = 1,
    LANDLOCK_RULE_NET_PORT = 2,
}

/// <summary>What is logged of denials; landlock_restrict_self(2).</summary>
[Flags]
internal enum LandlockRestrictFlags
{
    None = 0,
    LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON = 1 << 1,
    LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF = 1 << 2,
}
