namespace ContainerKit;

/// <summary>What stands between a program and its host, from the least to the most.</summary>
public enum Isolation
{
    /// <summary>
    /// No namespaces: Landlock, a seccomp filter, no privileges, and nothing of the host's environment and descriptors.
    /// The program is one of the host's processes and of its user, has files of its own in a temporary directory that
    /// TMPDIR and HOME name, and reads the host's programs. It sees the names, sizes and times of the host's files, and
    /// its processes; it cannot change the modes, owners and extended attributes of files, not even of its own. From
    /// the first start on an empty directory, which is open, is kept for the next.
    /// </summary>
    Restricted = 1,

    /// <summary>Namespaces of its own, in which its users are such as this process's user may be.</summary>
    Rootless = 2,

    /// <summary>Namespaces of its own, made by root, in which no user is one that this process is, nor root.</summary>
    Full = 3,
}
