using System.IO.Enumeration;
using ContainerKit.Linux;

namespace ContainerKit;

/// <content>The groups in it.</content>
internal sealed partial class CgroupDirectory
{
    /// <summary>The names of those in it.</summary>
    /// <exception cref="LinuxException">ENOENT: it is gone.</exception>
    public IReadOnlyList<string> Children() => Below(all: false);

    /// <summary>The paths of all below, from it on, each after the one it is in.</summary>
    /// <inheritdoc cref="Children"/>
    public IReadOnlyList<string> Walk() => [.. Below(all: true).OrderBy(Depth)];

    /// <summary>How deep a path leads.</summary>
    public static int Depth(string path) => path.Count(character => character == '/');

    private List<string> Below(bool all)
    {
        ObjectDisposedException.ThrowIf(IsClosed, typeof(Cgroup)); // or the number is another file's by now
        try
        {
            var found = new List<string>();
            using var groups = new Groups(Syscall.PathOf(_handle), all);
            while (groups.MoveNext())
            {
                found.Add(groups.Current);
            }

            return found.Count > 0 || IsThere ? found : throw new LinuxException("open", Errno.ENOENT, Path);
        }
        catch (IOException failure) when (failure is not LinuxException)
        {
            throw new LinuxException("open", (Errno)failure.HResult, Path); // for want of descriptors or memory
        }
    }

    /// <summary>Finds them, and passes over those that are removed or closed meanwhile.</summary>
    private sealed class Groups(string own, bool all) : FileSystemEnumerator<string>($"{own}/.", new()
    {
        RecurseSubdirectories = all,
        IgnoreInaccessible = true,
        AttributesToSkip = FileAttributes.None,
    })
    {
        protected override bool ShouldIncludeEntry(ref FileSystemEntry entry) => entry.IsDirectory;

        protected override string TransformEntry(ref FileSystemEntry entry) =>
            entry.ToSpecifiedFullPath()[(own.Length + 3)..];

        protected override bool ContinueOnError(int error) => (Errno)error is Errno.ENOENT or Errno.ENODEV;
    }
}
