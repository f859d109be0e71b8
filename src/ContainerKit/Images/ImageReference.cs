using System.Diagnostics.CodeAnalysis;

namespace ContainerKit;

/// <summary>
/// The name of an image, read as Docker reads it: <c>debian</c> is <c>docker.io/library/debian:latest</c>. Two names
/// are equal when they mean the same.
/// </summary>
public sealed record ImageReference
{
    private const string DefaultRegistry = "docker.io";
    private const string Official = "library/";

    private ImageReference(string registry, string repository, string? tag, Digest? digest) =>
        (Registry, Repository, Tag, Digest) = (registry, repository, tag, digest);

    /// <summary>The host the image is at, with its port where one is given: <c>docker.io</c>.</summary>
    public string Registry { get; }

    /// <summary>The name there: <c>library/debian</c>.</summary>
    public string Repository { get; }

    /// <summary>
    /// The tag; <c>latest</c> when neither a tag nor a digest was given, null when only a digest was.
    /// </summary>
    public string? Tag { get; }

    /// <summary>The digest of the manifest, when one was given.</summary>
    public Digest? Digest { get; }

    /// <summary>The name as people write it: <c>debian:latest</c>.</summary>
    public string Familiar => $"{FamiliarName}{Suffix}";

    private string Suffix => $"{(Tag is null ? "" : $":{Tag}")}{(Digest is null ? "" : $"@{Digest}")}";

    private string FamiliarName => Registry != DefaultRegistry ? $"{Registry}/{Repository}"
        : Repository.StartsWith(Official, StringComparison.Ordinal)
        && Repository.LastIndexOf('/') == Official.Length - 1
            ? Repository[Official.Length..]
            : Repository;

    /// <summary>Reads a name.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static ImageReference Parse(string text) => Read(text, out var wrong) ?? throw new FormatException(
        $"'{text}' names no image: {wrong}.");

    /// <summary>Reads a name; false when it is none.</summary>
    public static bool TryParse([NotNullWhen(true)] string? text, [NotNullWhen(true)] out ImageReference? reference)
    {
        reference = text is null ? null : Read(text, out _);
        return reference is not null;
    }

    /// <summary>
    /// Whether an image is called so that has these names: it has this one, or this one's digest, in this repository or
    /// none.
    /// </summary>
    internal bool IsOf(IReadOnlyList<ImageReference> names, Digest? manifest) =>
        names.Contains(this)
        || (Digest is { } digest && digest == manifest && (names.Count == 0 || names.Any(IsAlike)));

    /// <summary>The whole name: <c>docker.io/library/debian:latest</c>.</summary>
    public override string ToString() => $"{Registry}/{Repository}{Suffix}";

    private bool IsAlike(ImageReference other) =>
        (other.Registry, other.Repository, other.Tag) == (Registry, Repository, Tag ?? other.Tag);

    private static ImageReference? Read(string text, out string wrong)
    {
        var (name, digestText) = Cut(text, text.IndexOf('@', StringComparison.Ordinal));
        // What follows the last slash has no port.
        var (path, tag) = Cut(name, name.IndexOf(':', name.LastIndexOf('/') + 1));
        var (registry, repository) = SplitRegistry(path);
        wrong = digestText is not null && !ContainerKit.Digest.TryParse(digestText, out _)
                ? "what follows @ is no digest"
            : tag is not null && !IsTag(tag) ? "a tag has 1 to 128 of A-Z a-z 0-9 _ . - and begins with neither . nor -"
            : !IsRegistry(registry) ? $"'{registry}' is no host"
            : !repository.Split('/').All(IsComponent)
                ? "a name has lower-case letters and digits, with . _ __ or - between them"
            : repository.Length > 255 ? "a name has at most 255 letters"
            : IsIdentifier(text) ? "64 hexadecimal digits are an identifier, not a name"
            : "";
        if (wrong.Length != 0)
        {
            return null;
        }

        Digest? digest = digestText is null ? null : ContainerKit.Digest.Parse(digestText);
        return new(registry, repository, tag ?? (digest is null ? "latest" : null), digest);
    }

    private static (string Before, string? After) Cut(string text, int at) =>
        at < 0 ? (text, null) : (text[..at], text[(at + 1)..]);

    private static (string Registry, string Repository) SplitRegistry(string path)
    {
        var slash = path.IndexOf('/', StringComparison.Ordinal);
        var first = slash < 0 ? "" : path[..slash];
        // Names have no upper-case letters, so what has some can only be a host.
        var isHost = first == "localhost" || first.AsSpan().ContainsAny('.', ':') || first.Any(char.IsUpper);
        var (registry, repository) = isHost ? (first, path[(slash + 1)..]) : (DefaultRegistry, path);
        registry = registry == "index.docker.io" ? DefaultRegistry : registry;
        var isOfficial = registry == DefaultRegistry && !repository.Contains('/');
        return (registry, isOfficial ? Official + repository : repository);
    }

    private static bool IsRegistry(string text)
    {
        var end = text.StartsWith('[') ? text.IndexOf(']') + 1 : text.IndexOf(':', StringComparison.Ordinal);
        end = end < 0 ? text.Length : end;
        var port = text[end..];
        return (port.Length == 0 || (port.Length > 1 && port[0] == ':' && port[1..].All(char.IsAsciiDigit)))
            && (text is ['[', _, ..]
                ? end > 2 && text[1..(end - 1)].All(letter => char.IsAsciiHexDigit(letter) || letter == ':')
                : text[..end].Split('.').All(IsLabel));
    }

    private static bool IsLabel(string text) =>
        text.Length > 0 && text[0] != '-' && text[^1] != '-'
        && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter == '-');

    private static bool IsTag(string text) =>
        text.Length is > 0 and <= 128 && text[0] is not ('.' or '-')
        && text.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '.' or '-');

    private static bool IsIdentifier(string text) => text.Length == 64 && text.All(char.IsAsciiHexDigitLower);

    // Letters and digits, and between them one dot, one or two underscores, or any number of dashes.
    private static bool IsComponent(string text)
    {
        for (var i = 0; i < text.Length; i++)
        {
            var start = i;
            while (i < text.Length && text[i] is '.' or '_' or '-')
            {
                i++;
            }

            var between = text[start..i];
            if (i == text.Length || (between.Length > 0 && (start == 0 || !IsSeparator(between))))
            {
                return false;
            }

            if (!char.IsAsciiLetterLower(text[i]) && !char.IsAsciiDigit(text[i]))
            {
                return false;
            }
        }

        return text.Length > 0;
    }

    private static bool IsSeparator(string text) => text is "." or "_" or "__" || text.All(letter => letter == '-');
}
