using System.Globalization;

namespace ContainerKit;

/// <summary>On which CPUs processes run, and of which nodes their memory is; cpuset(7).</summary>
internal sealed class CpusetController : CgroupController
{
    private const string Cpus = "cpuset.cpus", Nodes = "cpuset.mems";

    /// <inheritdoc/>
    public override string Name => "cpuset";

    /// <inheritdoc/>
    public override bool Concerns(CgroupLimits limits) => limits.Cpus is not null || limits.MemoryNodes is not null;

    /// <summary>A new group of version 1 has no CPUs, and takes no process until it has: it gets those above.</summary>
    /// <exception cref="LimitNotSupportedException">It may not have them.</exception>
    public static void Prepare(CgroupDirectory directory, CgroupDirectory parent)
    {
        try
        {
            directory.Write(Cpus, parent.Read(Cpus));
            directory.Write(Nodes, parent.Read(Nodes));
        }
        catch (LinuxException failure)
            when (failure.Errno is Errno.EACCES or Errno.EPERM or Errno.EROFS or Errno.EINVAL)
        {
            throw new LimitNotSupportedException(
                $"'{failure.Path}' cannot be what it is above ({failure.Errno}), and without it no process enters: let "
                + $"this user read and write {Cpus} and {Nodes} there, and no group beside it be exclusive.");
        }
    }

    /// <inheritdoc/>
    public override void Write(CgroupDirectory directory, CgroupLimits limits)
    {
        WriteList(directory, Cpus, limits.Cpus);
        WriteList(directory, Nodes, limits.MemoryNodes);
    }

    /// <inheritdoc/>
    public override CgroupLimits Read(CgroupDirectory directory, CgroupLimits limits) => limits with
    {
        Cpus = ReadList(directory, Cpus),
        MemoryNodes = ReadList(directory, Nodes),
    };

    private static void WriteList(CgroupDirectory directory, string file, IReadOnlyList<int>? numbers)
    {
        if (numbers is not null)
        {
            directory.Write(
                file, string.Join(',', numbers.Select(number => number.ToString(CultureInfo.InvariantCulture))));
        }
    }

    /// <summary>Reads <c>0-2,7</c>; null when it is empty, which in version 2 are those above.</summary>
    private static IReadOnlyList<int>? ReadList(CgroupDirectory directory, string file)
    {
        var text = directory.Read(file);
        return text.Length == 0 ? null : [.. text.Split(',').SelectMany(Range)];
    }

    private static IEnumerable<int> Range(string text)
    {
        var ends = text.Split('-');
        var first = int.Parse(ends[0], CultureInfo.InvariantCulture);
        return Enumerable.Range(first, int.Parse(ends[^1], CultureInfo.InvariantCulture) - first + 1);
    }
}
