namespace ContainerKit;

/// <summary>The ids of detached containers, each of which is one component of a path.</summary>
internal static class ContainerId
{
    private const int Most = 128;

    /// <summary>Complains about what is none.</summary>
    public static void Validate(string id)
    {
        ArgumentNullException.ThrowIfNull(id);
        if (!Is(id))
        {
            throw new ArgumentException(
                $"A container's id has 1 to {Most} letters, digits, '_', '.', '+' and '-' of ASCII, the first a letter "
                + "or digit.", nameof(id));
        }
    }

    /// <summary>Whether a name is one.</summary>
    public static bool Is(string name) =>
        name.Length is > 0 and <= Most && char.IsAsciiLetterOrDigit(name[0])
        && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '.' or '+' or '-');
}
