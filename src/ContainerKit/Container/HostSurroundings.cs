using System.Globalization;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What surrounds this process and explains what it may not do: settings, filters, mounts.</summary>
internal sealed class HostSurroundings
{
    private readonly Dictionary<string, string> _status = ReadStatus();

    /// <summary>The mounts in sight; none where there is no /proc.</summary>
    public IReadOnlyList<MountInfo> Mounts { get; } = Read(MountInfo.ReadAll) ?? [];

    /// <summary>Whether this is root, of its own user namespace at least.</summary>
    public bool IsRoot { get; } = Syscall.EffectiveUser == 0;

    /// <summary>Whether this is the root whose ids are all the host's, and who may do what that root may.</summary>
    public bool IsHostRoot { get; } =
        Syscall.EffectiveUser == 0 && Syscall.Has(Capability.CAP_SYS_ADMIN)
        && Lines("/proc/self/uid_map").Select(Fields).Any(fields => fields is ["0", "0", "4294967295"]);

    /// <summary>Whether a filter decides on this process's system calls.</summary>
    public bool HasSeccompFilter => _status.GetValueOrDefault("Seccomp") == "2";

    /// <summary>Whether set-user-ID programs give this process nothing.</summary>
    public bool HasNoNewPrivileges => _status.GetValueOrDefault("NoNewPrivs") == "1";

    /// <summary>Whether this process is surely in a chroot: no mount is its root.</summary>
    public bool IsChrooted => Mounts.Count > 0 && Mounts.All(mount => mount.Target != "/");

    /// <summary>Whether this process's user has an id in the user namespace it lives in.</summary>
    public bool HasOwnId { get; } = Lines("/proc/self/uid_map").Select(Fields).Any(fields =>
        fields is [var first, _, var count]
        && uint.Parse(first, CultureInfo.InvariantCulture) is var inside
        && Syscall.EffectiveUser - (ulong)inside < ulong.Parse(count, CultureInfo.InvariantCulture));

    /// <summary>A setting of the kernel below /proc/sys; null where it does not have it.</summary>
    public static string? Setting(string name) =>
        Read(() => File.ReadAllText($"/proc/sys/{name.Replace('.', '/')}"))?.Trim();

    /// <summary>A setting that is a number.</summary>
    public static long? NumberSetting(string name) =>
        long.TryParse(Setting(name), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var number)
            ? number
            : null;

    /// <summary>The lines of a file; none where it cannot be read.</summary>
    public static string[] Lines(string path) => Read(() => File.ReadAllLines(path)) ?? [];

    /// <summary>What covers parts of a file system: the targets of mounts below a directory.</summary>
    public IEnumerable<string> CoversOf(string directory) =>
        Mounts.Select(mount => mount.Target)
            .Where(target => target.StartsWith(directory + "/", StringComparison.Ordinal)).Distinct();

    private static string[] Fields(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);

    private static Dictionary<string, string> ReadStatus()
    {
        var status = new Dictionary<string, string>();
        foreach (var line in Lines("/proc/self/status"))
        {
            if (line.Split(':', 2, StringSplitOptions.TrimEntries) is [var name, var value])
            {
                status[name] = value;
            }
        }

        return status;
    }

    private static T? Read<T>(Func<T> read)
        where T : class
    {
        try
        {
            return read();
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }
}
