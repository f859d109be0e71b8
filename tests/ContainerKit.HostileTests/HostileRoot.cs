using System.Globalization;

namespace ContainerKit.HostileTests;

/// <summary>
/// Makes roots in which something else lies at a path of the system than what belongs there: a root that a container
/// can be started on, but for that.
/// </summary>
internal sealed class HostileRoot : IDisposable
{
    private readonly RootDirectory _root = new();

    /// <summary>What can lie there.</summary>
    public static string[] Kinds { get; } =
    [
        "absolute link", "link that leads up", "link to a descriptor", "link to a root of procfs", "link to itself",
        "loop of two", "dangling link", "FIFO", "socket", "directory", "file", "link to a file", "nothing", .. Devices,
    ];

    /// <summary>Where it can lie.</summary>
    public static string[] Paths { get; } =
    [
        "proc", "sys", "dev", "dev/null", "dev/pts", "dev/shm", "dev/mqueue", "dev/console", "tmp", "run", "etc",
        "etc/passwd", "etc/group", "etc/hosts", "etc/resolv.conf", "etc/hostname", "usr", "var", "mnt", "mnt/file",
    ];

    private static string[] Devices => Host.IsRoot ? ["null device", "disk"] : [];

    /// <summary>A root with something at a path of it, which leads to a directory of the host where it can.</summary>
    public HostileRoot(string path, string kind, string target, int descriptor)
    {
        var number = descriptor.ToString(CultureInfo.InvariantCulture);
        File.WriteAllText(_root["etc/passwd"], "alice:x:0:0::/:\n");
        File.WriteAllText(_root["etc/group"], "alice:x:0:\n");
        File.SetUnixFileMode(_root.Path, (UnixFileMode)0x1FF); // 0777
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(_root[path])!);
        Clear(_root[path]);
        switch (kind)
        {
            case "absolute link":
                Link(path, target);
                break;
            case "link that leads up":
                Link(path, string.Concat(Enumerable.Repeat("../", 12)) + target[1..]);
                break;
            case "link to a descriptor":
                Link(path, $"/proc/self/fd/{number}");
                break;
            case "link to a root of procfs":
                Link(path, $"/proc/{Environment.ProcessId}/root{target}");
                break;
            case "link to itself":
                Link(path, "/" + path);
                break;
            case "loop of two":
                Link(path, "/other");
                Link("other", "/" + path);
                break;
            case "dangling link":
                Link(path, "/no/such");
                break;
            case "link to a file":
                Link(path, $"{target}/file");
                break;
            case "FIFO":
                Tools.Run("mkfifo", "-m", "0666", _root[path]);
                break;
            case "socket":
                Tools.Run("python3", "-c", "import socket, sys, os; os.chdir(os.path.dirname(sys.argv[1])); "
                + "socket.socket(socket.AF_UNIX).bind(os.path.basename(sys.argv[1]))", _root[path]);
                break;
            case "directory":
                Directory.CreateDirectory(_root[path]);
                break;
            case "file":
                File.WriteAllText(_root[path], "alice:x:0:0::/:\n");
                break;
            case "null device":
                Tools.Run("mknod", "-m", "0666", _root[path], "c", "1", "3");
                break;
            case "disk":
                Tools.Run("mknod", "-m", "0666", _root[path], "b", "7", "0");
                break;
            default:
                break;
        }
    }

    /// <summary>A container on it, whose programs come from the host, unless /usr is what is attacked with.</summary>
    public ContainerOptions Options => _root.Options;

    /// <summary>The root's path on the host.</summary>
    public string Path => _root.Path;

    /// <inheritdoc/>
    public void Dispose() => _root.Dispose();

    private void Link(string path, string target) => File.CreateSymbolicLink(_root[path], target);

    private static void Clear(string path)
    {
        if (Directory.Exists(path))
        {
            Directory.Delete(path, recursive: true);
        }
        else
        {
            File.Delete(path);
        }
    }
}
