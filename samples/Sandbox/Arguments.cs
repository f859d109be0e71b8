using ContainerKit;

namespace Sandbox;

/// <summary>What the command line asks for.</summary>
internal sealed record Arguments(IReadOnlyList<string> Command, IReadOnlyList<Mount> Mounts, bool SingleProcess)
{
    public const string Usage = """
        Sandbox [--read PATH]... [--write PATH]... [--single-process] PROGRAM [ARGUMENT]...
          --read PATH        an absolute path of the host that it may read and execute
          --write PATH       one that it may change as well
          --single-process   it starts no others; where there are no namespaces, that or a cgroup is needed
        """;

    /// <summary>Reads them; null when they cannot be meant.</summary>
    public static Arguments? Parse(string[] arguments)
    {
        List<Mount> mounts = [];
        var isSingle = false;
        for (var next = 0; next < arguments.Length; next++)
        {
            switch (arguments[next])
            {
                case "--read" or "--write" when next + 1 < arguments.Length:
                    var isWritten = arguments[next] is "--write";
                    var path = arguments[++next];
                    mounts.Add(new BindMount(path, path) { ReadOnly = !isWritten });
                    break;
                case "--single-process":
                    isSingle = true;
                    break;
                case ['-', ..]:
                    return null;
                default:
                    return new(arguments[next..], mounts, isSingle);
            }
        }

        return null;
    }
}
