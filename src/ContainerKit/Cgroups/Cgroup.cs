namespace ContainerKit;

/// <summary>
/// A control group: its processes, and theirs to come, are limited, counted and stopped together. It is one directory
/// of version 2, or one in each hierarchy of version 1, or both, and looks like version 2 whichever the host has. One
/// that was created is removed with what runs in it when it is disposed; one that was opened is only closed.
/// cgroups(7).
/// </summary>
public sealed partial class Cgroup : IAsyncDisposable
{
    private readonly List<CgroupDirectory> _directories;
    private readonly bool _isOwner;
    private bool _isForThreads;

    private Cgroup(string path, List<CgroupDirectory> directories, bool isOwner) =>
        (Path, _directories, _isOwner) = (path, directories, isOwner);

    /// <summary>
    /// Its path: from the root of its hierarchies on when it starts with a slash, otherwise from the group that this
    /// process was in when it was made or opened.
    /// </summary>
    public string Path { get; }

    /// <summary>The directories that it is, as this process sees them.</summary>
    public IReadOnlyList<string> Directories => _directories.ConvertAll(directory => directory.Path);

    /// <summary>
    /// Makes a group below one that is there, with limits: in this process's own group, or from the root of the
    /// hierarchies with a path that starts with a slash. In version 2, a group in which one was made with limits, even
    /// with none set, takes no process itself, and one without limits may count less.
    /// </summary>
    /// <exception cref="ArgumentException">The path or the limits cannot be what is meant; nothing was
    /// made.</exception>
    /// <exception cref="LimitNotSupportedException">This host, or this user on it, cannot limit so; nothing was
    /// made.</exception>
    /// <exception cref="LinuxException">The kernel refuses; EEXIST: it is there already. Nothing was made.</exception>
    public static Cgroup Create(string path, CgroupLimits? limits = null)
    {
        CgroupName.ValidatePath(path);
        var slash = path.LastIndexOf('/');
        var parent = OpenAny(slash <= 0 ? path[..(slash + 1)] : path[..slash]);
        try
        {
            return parent.CreateChild(path[(slash + 1)..], limits);
        }
        finally
        {
            parent.Close();
        }
    }

    /// <summary>Opens a group that is there, with a path as for <see cref="Create"/>.</summary>
    /// <exception cref="ArgumentException">The path is none.</exception>
    /// <exception cref="LinuxException">There is no such group.</exception>
    public static Cgroup Open(string path)
    {
        CgroupName.ValidatePath(path);
        return OpenAny(path);
    }

    /// <summary>Opens the group that this process is in.</summary>
    public static Cgroup OfThisProcess() => OpenAny("");

    /// <summary>Opens the group that a process is in.</summary>
    /// <exception cref="LinuxException">There is no such process.</exception>
    public static Cgroup OfProcess(int processId)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(processId);
        return OpenAny("", FormattableString.Invariant($"{processId}"));
    }

    /// <summary>Makes a group in this one, with limits.</summary>
    /// <inheritdoc cref="Create"/>
    public Cgroup CreateChild(string name, CgroupLimits? limits = null)
    {
        CgroupName.Validate(name);
        limits?.Validate();
        EnableControllers(limits, OfProcesses);
        return Make(name, child =>
        {
            if (limits is not null)
            {
                child.Write(limits);
            }
        });
    }

    /// <summary>Changes limits while it is in use; null leaves one as it is.</summary>
    /// <exception cref="ArgumentException">The limits cannot be what is meant; nothing was changed.</exception>
    /// <exception cref="LimitNotSupportedException">This host cannot limit so; what stands before it in
    /// <see cref="CgroupLimits"/> was changed.</exception>
    /// <exception cref="LinuxException">The kernel refuses. EBUSY: more memory is in use, and cannot be freed, than a
    /// new limit allows; it was not changed. ENOENT or ENODEV: the group is gone.</exception>
    public void Update(CgroupLimits limits)
    {
        ArgumentNullException.ThrowIfNull(limits);
        limits.Validate();
        Write(limits);
    }

    /// <summary>Reads the limits that hold; null for what this host does not limit here.</summary>
    public CgroupLimits ReadLimits()
    {
        var limits = new CgroupLimits();
        foreach (var controller in CgroupController.All)
        {
            if (DirectoryOf(controller) is { } directory)
            {
                limits = controller.Read(directory, limits);
            }
        }

        return limits;
    }

    private static Cgroup OpenAny(string path, string process = "self")
    {
        var directories = new List<CgroupDirectory>();
        LinuxException? missing = null;
        try
        {
            foreach (var hierarchy in CgroupHost.HierarchiesOf(process))
            {
                try
                {
                    if (hierarchy.DirectoryOf(path) is { } directory)
                    {
                        directories.Add(CgroupDirectory.Open(hierarchy, directory));
                    }
                }
                catch (LinuxException failure) when (failure.Errno is Errno.ENOENT or Errno.EACCES)
                {
                    missing = failure;
                }
            }

            return directories.Count > 0 ? new(path, directories, isOwner: false)
                : throw missing ?? new LinuxException("open", Errno.ENOENT, path);
        }
        catch
        {
            directories.ForEach(directory => directory.Dispose());
            throw;
        }
    }

    /// <summary>Makes a group in this one, whole or not at all.</summary>
    private Cgroup Make(string name, Action<Cgroup>? prepare = null, bool isOwner = true)
    {
        var made = new List<CgroupDirectory>();
        var child = new Cgroup(PathOf(name), made, isOwner);
        try
        {
            MakeDirectories(name, made);
            prepare?.Invoke(child);
            return child;
        }
        catch
        {
            made.ForEach(directory => directory.Remove());
            child.Close();
            throw;
        }
    }

    private string PathOf(string name) => Path.Length is 0 || Path.EndsWith('/') ? Path + name : $"{Path}/{name}";

    private void MakeDirectories(string name, List<CgroupDirectory> made)
    {
        LinuxException? refusal = null;
        foreach (var directory in _directories)
        {
            try
            {
                made.Add(directory.Make(name));
                if (!directory.IsUnified && directory.Controllers.Contains("cpuset"))
                {
                    CpusetController.Prepare(made[^1], directory);
                }
            }
            catch (LinuxException failure) when (failure.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS)
            {
                refusal ??= failure; // a user who was given some hierarchies may use these
            }
            catch (LinuxException lost) when (IsGone(lost) && directory.IsThere && !directory.Has(name))
            {
                throw new LinuxException(lost.Call, Errno.EEXIST, lost.Path); // another took it, and removed it
            }
        }

        if (made.Count == 0)
        {
            throw refusal!;
        }
    }

    private void Write(CgroupLimits limits)
    {
        foreach (var controller in CgroupController.All)
        {
            if (controller.Concerns(limits))
            {
                var directory = DirectoryOf(controller) ?? throw NotHere(controller.NameFor(limits));
                try
                {
                    controller.Write(directory, limits);
                }
                catch (LinuxException missing)
                    when (missing is { Call: "openat2", Errno: Errno.ENOENT } && directory.IsThere)
                {
                    throw new LimitNotSupportedException($"This kernel has no '{missing.Path}': a newer one may.");
                }
            }
        }
    }

    /// <summary>Where a controller is; null where it is not.</summary>
    private CgroupDirectory? DirectoryOf(CgroupController controller) =>
        DirectoryOf(controller.Name, controller.OldName) ?? (controller.IsInAllOfVersion2 ? Unified : null);

    private CgroupDirectory? DirectoryOf(string name, string oldName)
    {
        foreach (var directory in _directories)
        {
            if (directory.Controllers.Contains(directory.IsUnified ? name : oldName))
            {
                return directory;
            }
        }

        return null;
    }

    private LimitNotSupportedException NotHere(string controller) => new(
        $"The controller {controller} is not to be had for the cgroup '{Path}': "
        + (_directories.Exists(directory => directory.IsUnified)
            ? "it must be delegated to this user, in each cgroup.subtree_control above; with systemd, Delegate=yes."
            : "mount its hierarchy, and let this user make groups in it."));

    /// <summary>Its directory of version 2; null where there is none.</summary>
    private CgroupDirectory? Unified => _directories.Find(directory => directory.IsUnified);

    /// <summary>Closes it, and leaves the group as it is.</summary>
    internal void Close()
    {
        lock (_reading)
        {
            _watches.ForEach(watch => watch.End());
            _readers?.Dispose();
            _directories.ForEach(directory => directory.Dispose());
        }
    }
}
