using System.Diagnostics;
using System.Globalization;
using System.Text;

namespace ContainerKit.Tests.Layers;

/// <summary>Another program that reads and writes archives; what is not here is a reason to skip.</summary>
internal static class TarPeer
{
    private static readonly string[] ListArguments =
        ["--list", "--verbose", "--numeric-owner", "--full-time", "--quoting-style=literal", "--file"];

    public static bool HasGnuTar { get; } = Is("tar", "GNU tar");

    public static bool HasBsdTar { get; } = Is("bsdtar", "libarchive");

    /// <summary>Runs it, and gives its output when it succeeds and complains of nothing.</summary>
    public static string Run(string program, string directory, params string[] arguments)
    {
        var (status, output, error) = TryRun(program, directory, arguments);
        Assert.Equal((0, ""), (status, error));
        return output;
    }

    public static (int Status, string Output, string Error) TryRun(string program, string directory, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = directory,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            StandardOutputEncoding = Encoding.Latin1,
        };
        (start.Environment["TZ"], start.Environment["LC_ALL"]) = ("UTC", "C");
        using var process = Process.Start(start)!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.GetAwaiter().GetResult());
    }

    /// <summary>What GNU tar lists of an archive, with one blank between the columns.</summary>
    public static string ListByGnuTar(string directory, string archive) => Columns(Run("tar", directory, [.. ListArguments, archive]));

    /// <summary>The same; null when it complains.</summary>
    public static string? TryListByGnuTar(string directory, string archive) =>
        TryRun("tar", directory, [.. ListArguments, archive]) is (0, var output, "") ? Columns(output) : null;

    /// <summary>Members as GNU tar lists them.</summary>
    public static string Lines(IEnumerable<TarListed> members) =>
        Columns(string.Concat(members.Select(member => Line(member) + "\n")));

    private static string Line(TarListed member)
    {
        var time = DateTime.UnixEpoch.AddSeconds(member.ModifiedAt.Seconds).ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture);
        var fraction = member.ModifiedAt.Nanoseconds == 0 ? "" : $".{member.ModifiedAt.Nanoseconds:D9}".TrimEnd('0');
        var size = member.Kind is TarEntryKind.CharacterDevice or TarEntryKind.BlockDevice
            ? $"{member.Device.Major},{member.Device.Minor}" : $"{member.Size}";
        var link = member.Kind switch
        {
            TarEntryKind.SymbolicLink => $" -> {member.LinkTarget}",
            TarEntryKind.HardLink => $" link to {member.LinkTarget}",
            _ => "",
        };
        return $"{"-hlcbdp"[(int)member.Kind]}{Permissions(member.Mode)} {member.User}/{member.Group} {size} {time}{fraction} {member.Path}{link}";
    }

    private static string Permissions(uint mode)
    {
        var letters = string.Concat("rwxrwxrwx".Select((letter, i) => ((mode >> (8 - i)) & 1) == 1 ? letter : '-')).ToCharArray();
        (uint Bit, int At, char Letter)[] special = [(0x800, 2, 's'), (0x400, 5, 's'), (0x200, 8, 't')];
        foreach (var (bit, at, letter) in special.Where(item => (mode & item.Bit) != 0))
        {
            letters[at] = letters[at] == 'x' ? letter : char.ToUpperInvariant(letter);
        }

        return new(letters);
    }

    // A contiguous file, which it lists as "C", is a file.
    private static string Columns(string text) => string.Join('\n', text.Split('\n')
        .Select(line => string.Join(' ', line.Split(' ', StringSplitOptions.RemoveEmptyEntries)))
        .Select(line => line.StartsWith('C') ? string.Concat("-", line.AsSpan(1)) : line));

    private static bool Is(string program, string name)
    {
        try
        {
            return TryRun(program, "/", "--version").Output.Contains(name, StringComparison.Ordinal);
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return false;
        }
    }
}
