using System.Globalization;
using ContainerKit;

namespace Sandbox;

/// <summary>What the command line asks for.</summary>
internal sealed record Arguments(
    IReadOnlyList<string> Command, IReadOnlyList<Mount> Mounts, bool SingleProcess, ByteSize? Memory)
{
    public const string Usage = """
        Sandbox [--read PATH]... [--write PATH]... [--single-process] [--memory MIB] PROGRAM [ARGUMENT]...
          --read PATH        an absolute path of the host that it may read and execute
          --write PATH       one that it may change as well
          --single-process   it starts no others
          --memory MIB       a cgroup of its own, with so much memory and 256 processes
        Where there are no namespaces, one of the last two is needed.
        """;

    /// <summary>Reads them; null when they cannot be meant.</summary>
    public static Arguments? Parse(string[] arguments)
    {
        List<Mount> mounts = [];
        var isSingle = false;
        ByteSize? memory = null;
        for (var next = 0; next < arguments.Length; next++)
        {
            switch (arguments[next])
            {
                case "--read" or "--write" when next + 1 < arguments.Length:
                    var isWritten = arguments[next] is "--write";
                    var path = arguments[++next];
                    mounts.Add(new BindMount(path, path) { ReadOnly = !isWritten });
                    break;
                case "--memory" when next + 1 < arguments.Length && IsSize(arguments[next + 1], out var size):
                    memory = ByteSize.MiB(size);
                    next++;
                    break;
                case "--single-process":
                    isSingle = true;
                    break;
                case ['-', ..]:
                    return null;
                default:
                    return new(arguments[next..], mounts, isSingle, memory);
            }
        }

        return null;
    }

    private static bool IsSize(string text, out int size) =>
        int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out size) && size > 0;
}
