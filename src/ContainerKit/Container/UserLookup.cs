using System.Globalization;
using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Who the program runs as, in the container's ids.</summary>
internal readonly record struct ContainerUser(uint User, uint Group, uint[] Groups, string Home);

/// <summary>
/// Makes numbers of a user and groups. The root's passwd and group files are a stranger's: they are opened within the
/// root, must be regular and small, and no number is ever taken for a name.
/// </summary>
internal static class UserLookup
{
    private const int MaxFileSize = 1 << 20;

    /// <summary>Looks up the user, the groups and the home directory.</summary>
    /// <exception cref="ArgumentException">A name is unknown, or the text is not a user.</exception>
    public static ContainerUser Find(ContainerOptions options)
    {
        var (userText, groupText) = Split(options.User);
        var (passwd, groups) = (new Lazy<string[]>(() => Read(options.Root, "etc/passwd")),
            new Lazy<string[]>(() => Read(options.Root, "etc/group")));
        var number = Number(userText, "user");
        var entry = Entry(number is null ? passwd.Value : Try(passwd),
            fields => number is null ? fields[0] == userText : Id(fields[2]) == number, fields: 6);
        var user = number ?? Id(entry?[2]) ?? throw Unknown("user", userText, options.Root);
        var group = groupText is null ? Id(entry?[3]) ?? (options.GroupsOfUser ? 0 : user) : GroupId(groupText);
        var further = options.Groups.Count == 0 ? [] : options.Groups.Select(GroupId).ToArray();
        if (options.GroupsOfUser && groupText is null && options.IdMap.AllowsGroups && entry is not null)
        {
            further = [.. further.Union(GroupsOf(entry[0], Try(groups)))];
        }

        var found = new ContainerUser(user, group, further,
            entry?[5] is { Length: > 0 } home ? home : options.Root.DefaultHome);
        options.IdMap.Validate(found.User, found.Group, found.Groups, options.MaxProcesses is not null);
        return found;

        uint GroupId(string text) =>
            Number(text, "group") ?? Id(Entry(groups.Value, fields => fields[0] == text, fields: 3)?[2])
            ?? throw Unknown("group", text, options.Root);
    }

    /// <summary>Complains about a text that is no user, whatever the root holds.</summary>
    /// <exception cref="ArgumentException">It is none.</exception>
    public static void Validate(string text)
    {
        var (user, group) = Split(text);
        Number(user, "user");
        if (group is not null)
        {
            Number(group, "group");
        }
    }

    /// <summary>The groups that name a user among their members.</summary>
    private static IEnumerable<uint> GroupsOf(string user, string[] groups) =>
        groups.Select(line => line.Split(':'))
            .Where(group => group.Length >= 4 && group[3].Split(',').Contains(user))
            .Select(group => Id(group[2])).OfType<uint>();

    /// <summary>The lines of a file that a number can do without.</summary>
    private static string[] Try(Lazy<string[]> lines)
    {
        try
        {
            return lines.Value;
        }
        catch (ArgumentException)
        {
            return [];
        }
    }

    private static (string User, string? Group) Split(string text)
    {
        var colon = text.IndexOf(':', StringComparison.Ordinal);
        return colon < 0 ? (text, null) : (text[..colon], text[(colon + 1)..]);
    }

    /// <summary>The number a text is; null when it is a name.</summary>
    /// <exception cref="ArgumentException">It is neither.</exception>
    private static uint? Number(string text, string kind)
    {
        if (text.Length > 0 && text.All(char.IsAsciiDigit))
        {
            // The kernel's -1 means "no change", and what overflows is taken for another user.
            return int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number)
                ? (uint)number
                : throw new ArgumentException($"The {kind} {text} is above the highest id, 2147483647.");
        }

        return text.Length > 0 && !char.IsAsciiDigit(text[0]) && text[0] is not '-' && text.All(IsNameCharacter)
            ? null
            : throw new ArgumentException(
                $"'{text}' is no {kind}: give a number, or a name of letters, digits, '.', '_' and '-'.");
    }

    private static bool IsNameCharacter(char character) =>
        char.IsAsciiLetterOrDigit(character) || character is '.' or '_' or '-' or '$';

    private static uint? Id(string? field) =>
        int.TryParse(field, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? (uint)number : null;

    private static string[]? Entry(string[] lines, Predicate<string[]> wanted, int fields) =>
        lines.Select(line => line.Split(':')).FirstOrDefault(entry => entry.Length >= fields && wanted(entry));

    private static ArgumentException Unknown(string kind, string name, RootFilesystem root) =>
        new($"The {kind} '{name}' is not in {root}; give a number, or a name that its "
            + $"/etc/{(kind == "user" ? "passwd" : "group")} has.");

    private static string[] Read(RootFilesystem root, string path)
    {
        using var directory = OpenForLookup(root);
        if (directory is null)
        {
            return path == "etc/passwd"
                ? [$"root:x:0:0::{root.DefaultHome}:", "nobody:x:65534:65534::/:"]
                : ["root:x:0:", "nogroup:x:65534:"];
        }

        try
        {
            // First a look at what it is: to open a device or a FIFO could do something, or hang.
            using var file = root.FindForLookup(directory, path);
            var status = Syscall.Status(file);
            if ((status.Mode & (uint)FileType.S_IFMT) != (uint)FileType.S_IFREG || status.Size > MaxFileSize)
            {
                throw new ArgumentException(
                    $"/{path} of {root} is not a regular file of at most 1 MiB; give users and groups as numbers.");
            }

            return ReadLines(file);
        }
        catch (LinuxException missing) when (missing.Errno is Errno.ENOENT or Errno.ENOTDIR)
        {
            return [];
        }
        catch (LinuxException closed) when (closed.Errno is Errno.ELOOP or Errno.EACCES)
        {
            throw new ArgumentException(
                $"/{path} of {root} cannot be read ({closed.Errno}); give users and groups as numbers.", closed);
        }
    }

    private static SafeFileHandle? OpenForLookup(RootFilesystem root)
    {
        try
        {
            return root.OpenForLookup();
        }
        catch (LinuxException failure) when (failure.Path is not null)
        {
            throw new LaunchException(
                $"{failure.Call}(\"{failure.Path}\")", $"{root}", failure.Call, failure.Errno,
                "The root must be a directory of the host that this process can enter.");
        }
    }

    private static string[] ReadLines(SafeFileHandle file)
    {
        using var readable = Syscall.Open($"/proc/self/fd/{file.DangerousGetHandle()}", OpenFlags.O_RDONLY);
        var content = new byte[MaxFileSize];
        var length = RandomAccess.Read(readable, content, 0);
        return Encoding.UTF8.GetString(content, 0, length).Split('\n');
    }
}
