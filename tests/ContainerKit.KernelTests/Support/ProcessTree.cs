using System.Globalization;

namespace ContainerKit.KernelTests;

/// <summary>A process as /proc shows it.</summary>
internal readonly record struct ProcessEntry(int Id, int Parent, string Name, char State)
{
    /// <summary>
    /// Its arguments, each with a NUL behind it; nothing when it ended, or when it is a thread of the kernel.
    /// </summary>
    public string Command
    {
        get
        {
            try
            {
                return File.ReadAllText($"/proc/{Id}/cmdline");
            }
            catch (IOException)
            {
                return "";
            }
        }
    }

    /// <summary>A field of /proc/PID/status.</summary>
    public string Status(string field)
    {
        var prefix = field + ":";
        return File.ReadLines($"/proc/{Id}/status")
            .First(line => line.StartsWith(prefix, StringComparison.Ordinal))[prefix.Length..].Trim();
    }

    /// <summary>A field of /proc/PID/status that is a mask in hexadecimal.</summary>
    public ulong Mask(string field) => ulong.Parse(Status(field), NumberStyles.HexNumber, CultureInfo.InvariantCulture);

    /// <summary>What its descriptors lead to, by number.</summary>
    public SortedDictionary<int, string> Descriptors()
    {
        var descriptors = new SortedDictionary<int, string>();
        foreach (var path in Directory.GetFiles($"/proc/{Id}/fd"))
        {
            if (new FileInfo(path).LinkTarget is { } target)
            {
                descriptors[int.Parse(Path.GetFileName(path), CultureInfo.InvariantCulture)] = target;
            }
        }

        return descriptors;
    }

    /// <summary>The identity of one of its namespaces: <c>pid:[4026531836]</c>.</summary>
    public string Namespace(string kind) => new FileInfo($"/proc/{Id}/ns/{kind}").LinkTarget!;
}

/// <summary>Who is whose child, at one moment.</summary>
internal static class ProcessTree
{
    /// <summary>All processes in sight.</summary>
    public static List<ProcessEntry> All()
    {
        var all = new List<ProcessEntry>();
        foreach (var path in Directory.EnumerateDirectories("/proc"))
        {
            if (int.TryParse(Path.GetFileName(path), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                && Find(id) is { } process)
            {
                all.Add(process);
            }
        }

        return all;
    }

    /// <summary>One process; null when there is none.</summary>
    public static ProcessEntry? Find(int id)
    {
        try
        {
            var text = File.ReadAllText($"/proc/{id}/stat");
            var (open, close) = (text.IndexOf('('), text.LastIndexOf(')')); // a name may hold both
            var fields = text[(close + 2)..].Split(' ');
            return new(id, int.Parse(fields[1], CultureInfo.InvariantCulture), text[(open + 1)..close], fields[0][0]);
        }
        catch (IOException)
        {
            return null;
        }
    }

    /// <summary>The children of a process.</summary>
    public static List<ProcessEntry> ChildrenOf(int id) => All().FindAll(process => process.Parent == id);

    /// <summary>The children of a process and theirs, parents first.</summary>
    public static List<ProcessEntry> Below(int id)
    {
        var children = All().ToLookup(process => process.Parent);
        var found = children[id].ToList();
        for (var i = 0; i < found.Count; i++)
        {
            found.AddRange(children[found[i].Id]);
        }

        return found;
    }

    /// <summary>Whether a process is there and has not ended.</summary>
    public static bool IsAlive(int id) => Find(id) is { State: not ('Z' or 'X') };
}
