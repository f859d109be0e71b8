using System.Globalization;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <content>What is in it: processes, and other groups.</content>
public sealed partial class Cgroup
{
    private const string Processes = "cgroup.procs";

    /// <summary>Reads the ids of the processes in it, without those of the groups in it.</summary>
    public IReadOnlyList<int> ReadProcesses() => ReadIds(_directories[0], Processes);

    /// <summary>Reads the names of the groups in it, in whichever of its hierarchies they are.</summary>
    /// <exception cref="LinuxException">ENOENT: the group is gone.</exception>
    public IReadOnlyList<string> ReadChildren() =>
        [.. _directories.SelectMany(directory => directory.Children()).Distinct()];

    /// <summary>Opens a group in it; disposing only closes it.</summary>
    /// <exception cref="LinuxException">There is no such group.</exception>
    public Cgroup OpenChild(string name) => OpenChild(name, isOwner: false);

    /// <summary>The same; disposing removes it when it is this process's.</summary>
    internal Cgroup OpenChild(string name, bool isOwner)
    {
        CgroupName.Validate(name);
        var opened = new List<CgroupDirectory>();
        LinuxException? missing = null;
        try
        {
            foreach (var directory in _directories)
            {
                try
                {
                    opened.Add(isOwner ? directory.OpenOwnChild(name) : directory.OpenChild(name));
                }
                catch (LinuxException failure) when (failure.Errno is Errno.ENOENT)
                {
                    missing = failure; // not in all hierarchies: another made it, or did not remove it whole
                }
            }

            return opened.Count > 0 ? new(PathOf(name), opened, isOwner) : throw missing!;
        }
        catch
        {
            opened.ForEach(directory => directory.Dispose());
            throw;
        }
    }

    /// <summary>
    /// Reads the paths of all groups below it, in whichever of its hierarchies they are, from it on, each after the one
    /// it is in.
    /// </summary>
    /// <inheritdoc cref="ReadChildren"/>
    public IReadOnlyList<string> Walk() =>
        [.. _directories.SelectMany(directory => directory.Walk()).Distinct().OrderBy(CgroupDirectory.Depth)];

    /// <summary>
    /// Opens the files by which a process enters when it writes 0 to them; cheapest for its only thread.
    /// </summary>
    internal List<SafeFileHandle> OpenEntrances()
    {
        var entrances = new List<SafeFileHandle>();
        try
        {
            foreach (var directory in _directories)
            {
                entrances.Add(directory.OpenFile(
                    directory.IsUnified ? Processes : CgroupDirectory.OldThreads, OpenFlags.O_WRONLY));
            }

            return entrances;
        }
        catch
        {
            entrances.ForEach(entrance => entrance.Dispose());
            throw;
        }
    }

    internal static List<int> ReadIds(CgroupDirectory directory, string file) =>
        [.. directory.Read(file).Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(id => int.Parse(id, CultureInfo.InvariantCulture))];
}
