using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A place in the container to mount on.</summary>
internal static class MountPoint
{
    /// <summary>Complains about a path that is not absolute and plain.</summary>
    public static void Validate(string target)
    {
        if (!IsPlain(target))
        {
            throw new ArgumentException(
                $"The target '{target}' of a mount must be an absolute path without '.', '..' and '//', and not the "
                    + "root itself.");
        }
    }

    /// <summary>
    /// Makes what is missing of a path, and opens it. Each look-up is confined to the container's root and follows no
    /// magic link: a root or volume that somebody changes meanwhile can mislead it only within the container.
    /// </summary>
    public static Descriptor Make(LaunchStage stage, Descriptor root, string target, bool isDirectory)
    {
        var parent = root;
        for (var end = 0; ;)
        {
            var start = end + 1;
            end = target.IndexOf('/', start);
            var isLast = end < 0;
            var name = isLast ? target[start..] : target[start..end];
            if (isLast && !isDirectory)
            {
                stage.MakeFile(parent, name, 0x1A4); // 0644
            }
            else
            {
                stage.MakeDirectory(parent, name, 0x1ED, mayExist: true); // 0755
            }

            parent = stage.OpenInRoot(root, isLast ? target : target[..end], OpenFlags.O_PATH);
            if (isLast)
            {
                return parent;
            }
        }
    }

    /// <summary>Whether a path is absolute, without <c>.</c>, <c>..</c> and <c>//</c>, and not the root.</summary>
    public static bool IsPlain(string path) =>
        path.Length > 1 && path[0] == '/' && !path.Contains('\0', StringComparison.Ordinal)
        && path[1..].Split('/').All(name => name is not ("" or "." or ".."));
}
