namespace ContainerKit;

/// <summary>What a writable layer is; a value to keep, share and vary with <c>with</c>.</summary>
public sealed record WritableLayerOptions
{
    private const int Most = 128;

    /// <summary>
    /// The name by which later processes open it: up to 128 letters, digits, '_', '.', '+' and '-' of ASCII, the first
    /// a letter or digit. Without one, which is the default, it goes with the process that made it and the container
    /// on it.
    /// </summary>
    public string? Id { get; init; }

    /// <summary>Whether a name is an id.</summary>
    internal static bool IsId(string name) =>
        name.Length is > 0 and <= Most && char.IsAsciiLetterOrDigit(name[0])
        && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '.' or '+' or '-');
}
