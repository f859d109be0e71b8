using System.Globalization;
using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The outer form of a store: whose directory it is, and which version made it.</summary>
internal static class StoreForm
{
    private const int Current = 1;
    private const string Version = "version";

    /// <summary>What a store has, and what its making may have left before it was one.</summary>
    private static readonly string[] Names =
        [Version, StoreIdMap.File, "gate", "lock", "layers", "locks", "staging", "removed", "writable"];

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

        using var named = Syscall.Open(path, OpenFlags.O_PATH);
        return OpenOwn(named, path);
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

    private static StoreDirectory OpenOwn(SafeFileHandle named, string path)
    {
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

        var mode = status.Mode & 0xFFFu;
        if ((mode & StoreDirectory.Closed) == StoreDirectory.Closed)
        {
            return OpenChecked(path);
        }

        try
        {
            Syscall.ChangeMode(Syscall.PathOf(named), mode | StoreDirectory.Closed); // an umask closed it, or somebody
            return OpenChecked(path);
        }
        catch
        {
            Syscall.ChangeMode(Syscall.PathOf(named), mode); // it is no store
            throw;
        }
    }

    private static StoreDirectory OpenChecked(string path)
    {
        var root = new StoreDirectory(Syscall.Open(path, OpenFlags.O_RDONLY));
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
