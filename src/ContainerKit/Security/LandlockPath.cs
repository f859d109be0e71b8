using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// A file or directory, and all below it, of which Landlock allows something. The path is one of the container,
/// absolute, and there when a program starts; nothing of it may be a link.
/// </summary>
public sealed record LandlockPath(string Path, LandlockAccess Access)
{
    /// <summary>What a file can have; the rest is of directories.</summary>
    private const LandlockAccess OfFiles = LandlockAccess.Execute | LandlockAccess.WriteFile | LandlockAccess.ReadFile
        | LandlockAccess.Truncate | LandlockAccess.ControlDevice;

    /// <summary>Whether it is a directory; null when nobody looked.</summary>
    private bool? IsDirectory { get; init; }

    private bool MayBeGone { get; init; }

    /// <summary>
    /// What is there now, each by itself, and may be gone when a program starts; links are passed over.
    /// </summary>
    internal static IEnumerable<LandlockPath> Existing(IEnumerable<string> paths, LandlockAccess access) =>
        from path in paths
        let isDirectory = Directory.Exists(path)
        where (isDirectory || File.Exists(path)) && new FileInfo(path).LinkTarget is null
        select new LandlockPath(path, access) { IsDirectory = isDirectory, MayBeGone = true };

    /// <summary>A directory that is there.</summary>
    internal static LandlockPath OfDirectory(string path, LandlockAccess access) =>
        new(path, access) { IsDirectory = true };

    /// <summary>Complains about what is no path of a container, or allows nothing.</summary>
    internal void Validate()
    {
        if (Path is null || !Path.StartsWith('/') || Path.Contains('\0', StringComparison.Ordinal)
            || (Path != "/" && Path[1..].Split('/').Any(name => name is "" or "." or "..")))
        {
            throw new ArgumentException(
                $"Landlock takes absolute paths without '.', '..' and '//', not '{Path?.Replace('\0', '␀')}'.");
        }

        if (Access is LandlockAccess.None || (Access & ~LandlockAccess.All) != 0)
        {
            throw new ArgumentException($"Landlock cannot allow {Access} at '{Path}': give some of LandlockAccess.");
        }
    }

    /// <summary>Adds the steps that allow it, as far as it is restricted.</summary>
    internal void AddTo(
        LaunchStage stage, Descriptor ruleset, Descriptor root, LandlockAccess restricted, bool staysOpen)
    {
        var (all, ofFiles) = (Access & restricted, Access & restricted & OfFiles);
        if (all != ofFiles && IsDirectory is not false)
        {
            // Whether it is a directory the kernel says; a file takes no rule that has more than what a file can have.
            Allow(Path == "/" ? Path : Path + "/", all, mayBeFile: ofFiles != 0 && IsDirectory is null);
        }

        if (ofFiles != 0 && IsDirectory is not true)
        {
            Allow(Path, ofFiles, mayBeFile: false);
        }

        void Allow(string path, LandlockAccess access, bool mayBeFile)
        {
            var place = stage.OpenForRule(root, path, (LandlockFileRights)access);
            if (mayBeFile)
            {
                stage.Last.Tolerate(Errno.ENOTDIR);
            }

            if (MayBeGone)
            {
                stage.Last.Tolerate(Errno.ENOENT);
                stage.Last.Tolerate(Errno.ELOOP);
            }

            stage.AllowBelow(ruleset, place);
            if (!staysOpen)
            {
                stage.Close(place);
            }
        }
    }
}
