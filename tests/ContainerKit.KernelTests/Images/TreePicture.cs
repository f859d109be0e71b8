namespace ContainerKit.KernelTests;

/// <summary>
/// All there is to a tree, as text to compare: what each path is, its mode, owners, time, content, attributes, and which
/// others are the same file.
/// </summary>
internal static class TreePicture
{
    /// <summary>
    /// The script that prints it; its arguments are a directory, and letters for what to leave out: owners, extended
    /// attributes, what podman does not keep.
    /// </summary>
    private const string Code = """
        import hashlib, os, stat, sys

        root, flags = os.fsencode(sys.argv[1]), sys.argv[2]
        first = {}

        def attributes(path):
            names = [] if "x" in flags or "p" in flags and os.path.isdir(path) else sorted(os.listxattr(path, follow_symlinks=False))
            return [(name, os.getxattr(path, name, follow_symlinks=False)) for name in names
                    if ".overlay." not in name and name != "security.selinux" and not name.startswith("user.umoci")]

        def describe(path, name):
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            time = max(0, status.st_mtime_ns) if "p" in flags else status.st_mtime_ns
            facts = [name, oct(status.st_mode), time, attributes(path)]
            if "o" not in flags:
                facts += [status.st_uid, status.st_gid]
            if kind == stat.S_IFREG:
                with open(path, "rb") as file:
                    facts += [status.st_size, hashlib.sha256(file.read()).hexdigest()]
            elif kind == stat.S_IFLNK:
                facts.append(os.readlink(path))
            elif kind in (stat.S_IFCHR, stat.S_IFBLK):
                facts += [os.major(status.st_rdev), os.minor(status.st_rdev)]
            if kind != stat.S_IFDIR and status.st_nlink > 1 and not ("p" in flags and kind == stat.S_IFLNK):
                facts.append(first.setdefault((status.st_dev, status.st_ino), name))
            print(*facts)
            if kind == stat.S_IFDIR:
                for child in sorted(os.listdir(path)):
                    describe(os.path.join(path, child), os.path.join(name, child))

        describe(root, b"")
        """;

    /// <summary>The picture of a directory of the host.</summary>
    public static string Of(string directory, string flags = "") =>
        RunAsRoot("python3", "-I", "-c", Code, directory, flags);

    /// <summary>The picture of layers of a store, as overlayfs shows them; the root's time is that of no layer.</summary>
    public static string OfLayers(string store, IEnumerable<Digest> layers, string flags)
    {
        var lower = string.Join(':', layers.Reverse().Select(layer => $"{layer.Algorithm}/{layer.Hex}/fs"));
        const string script = """
            mkdir "$2" "$2-below" # it takes two at least
            cd "$1/layers"
            mount -t overlay -o "$3" none "$2"
            python3 -I -c "$4" "$2" "$5"
            """;
        return RunAsRoot(
            "sh", "-ec", script, "sh", store, $"{store}-mounted",
            $"lowerdir={lower}:{store}-mounted-below{(Host.IsRoot ? "" : ",userxattr")}", Code, flags);
    }

    /// <summary>Runs it as one whom the modes of this user's files do not keep out.</summary>
    private static string RunAsRoot(params string[] command)
    {
        string[] names = Host.IsRoot ? ["--mount"] : ["--user", "--map-root-user", "--mount"];
        return Tools.Run("unshare", [.. names, .. command]);
    }
}
