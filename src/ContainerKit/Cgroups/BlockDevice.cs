using System.Globalization;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A block device by its numbers: a whole disk, not a partition of it.</summary>
public readonly record struct BlockDevice(uint Major, uint Minor)
{
    /// <summary>The device that a path of /dev names.</summary>
    /// <exception cref="LinuxException">There is no such file.</exception>
    /// <exception cref="ArgumentException">It is no block device.</exception>
    public static BlockDevice At(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        var status = Syscall.Status(path);
        return status.IsA(FileType.S_IFBLK)
            ? new(status.Major, status.Minor)
            : throw new ArgumentException($"'{path}' is no block device.", nameof(path));
    }

    /// <summary>Formats its numbers: <c>8:0</c>.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Major}:{Minor}");

    internal static BlockDevice Parse(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return new(
            uint.Parse(text.AsSpan(0, colon), CultureInfo.InvariantCulture),
            uint.Parse(text.AsSpan(colon + 1), CultureInfo.InvariantCulture));
    }
}
