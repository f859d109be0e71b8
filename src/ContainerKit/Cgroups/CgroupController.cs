namespace ContainerKit;

/// <summary>
/// What one of the kernel's controllers limits, and in which files: of version 2, or the same in version 1's.
/// </summary>
internal abstract class CgroupController
{
    /// <summary>All of them, in the order in which their limits are written.</summary>
    public static readonly CgroupController[] All =
    [
        new CpusetController(), new CpuController(), new MemoryController(), new PidsController(), new IoController(),
        new DevicesController(), new UnifiedFiles(),
    ];

    /// <summary>Its name in version 2.</summary>
    public abstract string Name { get; }

    /// <summary>Its name in version 1.</summary>
    public virtual string OldName => Name;

    /// <summary>Whether each group of version 2 has it, and nothing enables it.</summary>
    public virtual bool IsInAllOfVersion2 => false;

    /// <summary>What it is called where it is refused.</summary>
    public virtual string NameFor(CgroupLimits limits) => Name;

    /// <summary>Whether any of its limits is to be changed.</summary>
    public abstract bool Concerns(CgroupLimits limits);

    /// <summary>Sets the limits in a directory.</summary>
    public abstract void Write(CgroupDirectory directory, CgroupLimits limits);

    /// <summary>Adds what a directory holds to limits.</summary>
    public abstract CgroupLimits Read(CgroupDirectory directory, CgroupLimits limits);

    /// <summary>Complains about a limit that version 1 does not know.</summary>
    protected static void RequireUnified(object? limit, string name)
    {
        if (limit is not null)
        {
            throw new LimitNotSupportedException(
                $"There is no {name} in cgroups of version 1, which have this controller here: boot with "
                + "systemd.unified_cgroup_hierarchy=1, or leave it out.");
        }
    }
}
