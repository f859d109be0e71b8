using System.Globalization;
using System.Text;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>The outer form of a store: whose directory it is, and which version made it.</summary>
internal static class StoreForm
{
    private const int Current = 1;
    private const string Version = "version";

    /// <summary>What a store has, and what its making may have left before it was one.</summary>
    private static readonly string[] Names =
        [Version, StoreIdMap.File, "lock", "layers", "locks", "staging", "removed", "writable"];

    /// <summary>Opens or makes the directory of one, and says what is wrong with it.</summary>
    public static StoreDirectory Open(string path)
    {
        try
        {
            Syscall.MakeDirectory(path, StoreDirectory.Closed);
        }
        catch (LinuxException exists) when (exists.Errno is Errno.EEXIST)
        {
        }
        catch (LinuxException readOnly) when (readOnly.Errno is Errno.EROFS && Directory.Exists(path))
        {
        }

        var root = OpenOwn(path);
        try
        {
            Check(root, path);
            return root;
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    /// <summary>Whether it is not a store yet.</summary>
    public static bool IsNew(StoreDirectory root) => !root.Has(Version);

    /// <summary>Makes it a store of this version, once all else is there.</summary>
    public static void Mark(StoreDirectory root)
    {
        if (IsNew(root))
        {
            root.Write(Version, Encoding.ASCII.GetBytes($"{Current}\n"));
        }
    }

    private static StoreDirectory OpenOwn(string path)
    {
        using var named = Syscall.Open(path, OpenFlags.O_PATH);
        var status = Syscall.Status(named);
        if (!status.IsDirectory)
        {
            throw new LinuxException("open", Errno.ENOTDIR, path, "A store is a directory.");
        }

        if (status.Owner != Syscall.EffectiveUser)
        {
            throw Refusal(path, FormattableString.Invariant(
                $"It belongs to user {status.Owner}: a store is one user's, so give this one another."));
        }

        if ((status.Mode & 0x1C0) != 0x1C0) // what a umask left of 0700, or somebody else
        {
            Syscall.ChangeMode(Syscall.PathOf(named), status.Mode & 0xFFFu | StoreDirectory.Closed);
        }

        return new(Syscall.Open(path, OpenFlags.O_RDONLY));
    }

    private static void Check(StoreDirectory root, string path)
    {
        var isClosed = Syscall.Status(root.Handle).IsClosedToOthers;
        if (root.Read(Version) is { } version)
        {
            CheckVersion(path, Encoding.UTF8.GetString(version).TrimEnd('\n'));
            if (!isClosed)
            {
                throw Refusal(path, "Others may enter it, where setuid programs of images lie: chmod 0700 it.");
            }
        }
        else if (root.Names().Find(name => !IsOfStore(name)) is { } other)
        {
            throw new LinuxException(
                "open", Errno.ENOTEMPTY, path, $"It is no store, and holds '{other}': choose an empty directory.");
        }
        else if (!isClosed)
        {
            Syscall.ChangeMode(root.Handle, StoreDirectory.Closed);
        }
    }

    private static bool IsOfStore(string name) =>
        Names.Contains(name) || name.StartsWith($".{Version}-", StringComparison.Ordinal)
        || name.StartsWith($".{StoreIdMap.File}-", StringComparison.Ordinal);

    private static void CheckVersion(string path, string version)
    {
        var isKnown = int.TryParse(version, NumberStyles.None, CultureInfo.InvariantCulture, out var number);
        if (!isKnown || number != Current)
        {
            throw new InvalidImageException(
                isKnown && number > Current
                    ? $"The store '{path}' was made by a newer version of ContainerKit: use that, or another."
                    : $"The store '{path}' has no version that ever was.",
                entry: Version, field: Version, value: version);
        }
    }

    private static LinuxException Refusal(string path, string remedy) => new("open", Errno.EPERM, path, remedy);
}
