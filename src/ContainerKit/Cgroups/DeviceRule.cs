using System.Globalization;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// Allows something of a device, by its numbers, or of all that have one of them: null is any number. What is done at
/// once, such as opening to read and write, is allowed by one rule or not at all.
/// </summary>
public sealed record DeviceRule(DeviceKind Kind, int? Major, int? Minor, DeviceAccess Access)
{
    /// <summary>Allows everything, as if there were no rules.</summary>
    public static DeviceRule All { get; } = new(DeviceKind.Any, null, null, DeviceAccess.All);

    /// <summary>
    /// What every container may have: null, zero, full, random, urandom, tty, ptmx, and the terminals of ptmx.
    /// </summary>
    public static IReadOnlyList<DeviceRule> Defaults { get; } =
    [
        Character(1, 3), Character(1, 5), Character(1, 7), Character(1, 8), Character(1, 9), Character(5, 0),
        Character(5, 2), Character(136, null),
    ];

    /// <summary>Allows something of the device that a path of /dev names.</summary>
    /// <exception cref="LinuxException">There is no such file.</exception>
    /// <exception cref="ArgumentException">It is no device.</exception>
    public static DeviceRule At(string path, DeviceAccess access = DeviceAccess.All)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var status = Syscall.Status(path);
        return status.IsA(FileType.S_IFBLK) ? Of(DeviceKind.Block)
            : status.IsA(FileType.S_IFCHR) ? Of(DeviceKind.Character)
            : throw new ArgumentException($"'{path}' is no device.", nameof(path));

        DeviceRule Of(DeviceKind kind) => new(kind, (int)status.Major, (int)status.Minor, access);
    }

    /// <summary>Formats it as version 1 does: <c>c 1:3 rwm</c>.</summary>
    public override string ToString()
    {
        var kind = Kind switch { DeviceKind.Block => 'b', DeviceKind.Character => 'c', _ => 'a' };
        return $"{kind} {Number(Major)}:{Number(Minor)} "
            + (Access.HasFlag(DeviceAccess.Read) ? "r" : "")
            + (Access.HasFlag(DeviceAccess.Write) ? "w" : "")
            + (Access.HasFlag(DeviceAccess.MakeNode) ? "m" : "");
    }

    /// <summary>Reads what version 1 says.</summary>
    internal static DeviceRule Parse(string text)
    {
        var fields = text.Split(' ', ':');
        return new(
            fields[0] switch { "b" => DeviceKind.Block, "c" => DeviceKind.Character, _ => DeviceKind.Any },
            ParseNumber(fields[1]), ParseNumber(fields[2]),
            fields[3].Aggregate(DeviceAccess.None, (access, letter) => access | letter switch
            {
                'r' => DeviceAccess.Read,
                'w' => DeviceAccess.Write,
                _ => DeviceAccess.MakeNode,
            }));
    }

    internal void Validate()
    {
        if (Kind is < DeviceKind.Any or > DeviceKind.Character
            || Access is <= DeviceAccess.None or > DeviceAccess.All)
        {
            throw new ArgumentException($"A rule allows some access to a kind of device, not '{Access}' to '{Kind}'.");
        }

        if (Major is < 0 or > 0xFFF || Minor is < 0 or > 0xFFFFF)
        {
            throw new ArgumentException(
                $"The numbers of a device are 0 to 4095 and 0 to 1048575, not {Number(Major)}:{Number(Minor)}.");
        }
    }

    private static DeviceRule Character(int major, int? minor) =>
        new(DeviceKind.Character, major, minor, DeviceAccess.All);

    private static string Number(int? number) => number?.ToString(CultureInfo.InvariantCulture) ?? "*";

    private static int? ParseNumber(string text) =>
        text is "*" ? null : int.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
