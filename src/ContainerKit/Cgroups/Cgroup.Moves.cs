using System.Globalization;
using System.Text;
using ContainerKit.Linux;

namespace ContainerKit;

/// <content>Processes come into it from where they are, or stay there.</content>
public sealed partial class Cgroup
{
    /// <summary>
    /// Moves a process into it, with all its threads; those that it starts from now on are in it, too. In version 1 it
    /// is moved hierarchy by hierarchy; when one refuses, it is back where it was.
    /// </summary>
    /// <exception cref="LinuxException">The kernel refuses. ESRCH or ENOENT: there is no such process. EBUSY: in
    /// version 2, the groups in this one are limited, and it takes none itself. EACCES: this user may not take it from
    /// the group it is in.</exception>
    public void Move(int processId)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(processId);
        var id = processId.ToString(CultureInfo.InvariantCulture);
        Enter(_directories, id, FilesOf(id));
    }

    /// <summary>
    /// Moves all processes of this group into a new one in it, so that groups in it can be limited: version 2 has no
    /// limits between processes and groups. Hold this group to make others in it: this process is then one below.
    /// Disposing the new one only closes it. Threads of the kernel that belong where they are stay there, in nobody's
    /// way, and so do, in version 1, which does not show them, processes of other pid namespaces; when a process cannot
    /// be moved, all are back where they were, and nothing was made.
    /// </summary>
    /// <exception cref="LimitNotSupportedException">A process of another pid namespace is in it, of version
    /// 2.</exception>
    /// <exception cref="LinuxException">The kernel refuses a process. EACCES: it is not this user's.</exception>
    public Cgroup MoveProcessesInto(string name)
    {
        CgroupName.Validate(name);
        return Make(
            name,
            child =>
            {
                var before = new Dictionary<int, List<string>>();
                try
                {
                    MoveAllInto(child, before);
                }
                catch
                {
                    PutBack(child, before);
                    throw;
                }
            },
            isOwner: false);
    }

    private void MoveAllInto(Cgroup child, Dictionary<int, List<string>> before)
    {
        HashSet<int> staying = [], ended = [];
        while (ReadProcesses().Where(id => !staying.Contains(id)).ToList() is { Count: > 0 } processes)
        {
            foreach (var process in processes)
            {
                try
                {
                    MoveInto(child, process, before);
                }
                catch (LinuxException gone)
                    when (gone.Errno is Errno.ESRCH or Errno.ENOENT && child.IsThere && ended.Add(process))
                {
                    // If it is here again, this user cannot see it: /proc is mounted with hidepid.
                }
                catch (LinuxException fixedThere)
                    when (fixedThere.Errno is Errno.EINVAL && ProcessNumbers.IsOfKernel(process))
                {
                    staying.Add(process);
                }
            }
        }
    }

    private void MoveInto(Cgroup child, int process, Dictionary<int, List<string>> before)
    {
        if (process == 0)
        {
            throw new LimitNotSupportedException(
                $"In the cgroup '{Path}' is a process of another pid namespace, which cannot be moved from this one: "
                + "do so from the one it is in, or from one above.");
        }

        var id = process.ToString(CultureInfo.InvariantCulture);
        var files = FilesOf(id);
        before.TryAdd(process, files);
        Enter(child._directories, id, files);
    }

    /// <summary>Puts back who was moved into another, and here whoever was born there.</summary>
    private void PutBack(Cgroup child, Dictionary<int, List<string>> before)
    {
        var here = _directories.ConvertAll(directory => $"{directory.Path}/{Processes}");
        HashSet<int> tried = [];
        while (child.ReadProcesses().Where(tried.Add).ToList() is { Count: > 0 } processes)
        {
            processes.ForEach(process => PutBack(
                process.ToString(CultureInfo.InvariantCulture), before.GetValueOrDefault(process, here)));
        }
    }

    /// <summary>Moves a process or thread into some directories, or leaves it where it is.</summary>
    private static void Enter(
        List<CgroupDirectory> directories, string id, List<string> before, bool isThread = false)
    {
        try
        {
            directories.ForEach(directory => directory.Write(isThread ? directory.Threads : Processes, id));
        }
        catch
        {
            PutBack(id, before);
            throw;
        }
    }

    /// <summary>The files that have a process or thread where it is now.</summary>
    private static List<string> FilesOf(string process, bool isThread = false) =>
        [.. CgroupHost.HierarchiesOf(process)
            .Where(hierarchy => hierarchy.DirectoryOf("") is not null)
            .Select(hierarchy =>
                $"{hierarchy.DirectoryOf("")}/{(isThread ? CgroupDirectory.ThreadsOf(hierarchy) : Processes)}")];

    private static void PutBack(string id, List<string> files)
    {
        foreach (var file in files)
        {
            try
            {
                using var opened = Syscall.Open(file, OpenFlags.O_WRONLY);
                Syscall.Write(opened, Encoding.UTF8.GetBytes(id));
            }
            catch (LinuxException)
            {
                // It has ended, or what it was in has.
            }
        }
    }
}
