using System.Globalization;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>Which ids of others this user may give to containers; subuid(5).</summary>
internal static class HostIds
{
    /// <summary>The ranges, and the programs that map them.</summary>
    public static IEnumerable<HostFinding> Probe(HostSurroundings around)
    {
        if (around.IsHostRoot)
        {
            yield return HostFinding.Yes("subordinate ids", "not needed: root maps any");
            yield break;
        }

        yield return Ranges("subordinate users", SubordinateIds.Users, "--add-subuids");
        yield return Ranges("subordinate groups", SubordinateIds.Groups, "--add-subgids");
        yield return Mapper("newuidmap", IdMappers.Users, around);
        yield return Mapper("newgidmap", IdMappers.Groups, around);
    }

    private static HostFinding Ranges(string name, string file, string option)
    {
        var user = Environment.UserName;
        var id = Syscall.EffectiveUser.ToString(CultureInfo.InvariantCulture);
        var ranges = SubordinateIds.OfThisUser(file)
            .ConvertAll(range => string.Create(CultureInfo.InvariantCulture, $"{range.Count} from {range.First}"));
        return ranges.Count > 0
            ? HostFinding.Yes(name, string.Join(", ", ranges))
            : HostFinding.No(name, new(
                $"{file} has no range for {(user.Length > 0 ? user : "user " + id)}: containers of this user have one "
                    + "user and one group.",
                $"usermod {option} 100000-165535 {(user.Length > 0 ? user : id)}, with a range that nobody else has."));
    }

    private static HostFinding Mapper(string name, string path, HostSurroundings around)
    {
        return HostFinding.Of(
            name,
            !File.Exists(path) ? new($"There is no {path}.", IdMappers.HowToInstall)
            : !IsPrivileged(path) ? new(
                $"{path} is neither set-user-ID to root nor has capabilities, as seen from here.",
                $"chmod u+s {path}, or install it anew.")
            : around.HasNoNewPrivileges ? new(
                "This process has no_new_privs: set-user-ID programs give it nothing.",
                "Start it without: in systemd NoNewPrivileges=no, in Kubernetes allowPrivilegeEscalation: true.")
            : null,
            path);
    }

    private static bool IsPrivileged(string path)
    {
        const uint S_ISUID = 0x800;
        using var file = Syscall.Open(path, OpenFlags.O_PATH);
        var status = Syscall.Status(file);
        return ((status.Mode & S_ISUID) != 0 && status.Owner == 0) || Syscall.HasAttribute(path, "security.capability");
    }
}
