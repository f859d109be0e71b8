using System.Globalization;
using System.Text;

namespace ContainerKit;

/// <summary>
/// The map that a store keeps from its making on, in a file: the lines of its users, an empty one, and those of its
/// groups, as uid_map(5) has them; a word when the store has no map, so that an empty file is none.
/// </summary>
internal static class StoreIdMap
{
    /// <summary>The name of the file.</summary>
    public const string File = "ids";

    private const string None = "none\n";

    /// <summary>Gives a new store its map, or checks that it has no other one; gives what it has.</summary>
    /// <exception cref="ArgumentException">It has another map.</exception>
    /// <exception cref="InvalidImageException">What is written there is none.</exception>
    public static IdMap? Settle(StoreDirectory root, string path, bool isNew, IdMap? wanted)
    {
        if (isNew)
        {
            // Another process may be making it, too: the first decides.
            root.TryWriteNew(File, Encoding.ASCII.GetBytes(wanted is RangesIdMap map ? TextOf(map) : None));
        }

        var kept = Parse(path, Encoding.UTF8.GetString(root.Read(File) ?? []));
        return wanted is null || $"{wanted}" == $"{kept}" ? kept : throw new ArgumentException(
            $"The store '{path}' was made {(kept is null ? "without an IdMap" : $"with {kept}")}, not {wanted}: leave "
                + "LayerStoreOptions.IdMap null to take what it has, or make another store.");
    }

    private static string TextOf(RangesIdMap map) => $"{map.Users.Text}\n\n{map.Groups.Text}\n";

    private static IdMap? Parse(string path, string text)
    {
        try
        {
            return text == None ? null
                : text.TrimEnd('\n').Split("\n\n") is [var users, var groups]
                    ? IdMap.Ranges(Ranges(users), Ranges(groups))
                    : throw new FormatException();
        }
        catch (Exception damaged) when (damaged is FormatException or OverflowException or ArgumentException)
        {
            throw new InvalidImageException(
                $"What the store '{path}' says of its ids is damaged: make another.", entry: File);
        }
    }

    private static IdRange[] Ranges(string lines) => Array.ConvertAll(
        lines.Split('\n'),
        static line => Array.ConvertAll(line.Split(' '), Number) is [var inside, var outside, var count]
            ? new IdRange(inside, outside, count)
            : throw new FormatException());

    private static uint Number(string text) => uint.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
