namespace ContainerKit;

/// <summary>
/// An image, a layer or an archive is not what it must be, or asks for more than the limits allow: it says where, and
/// what it found there. What was begun with it has been unmade.
/// </summary>
public sealed class InvalidImageException : IOException
{
    private readonly string _message;

    /// <summary>Describes what is wrong.</summary>
    public InvalidImageException(
        string message, string? digest = null, string? entry = null, string? field = null, string? value = null)
        : base(Describe(message, digest, entry, field, value)) =>
        (_message, Digest, Entry, Field, Value) = (message, digest, entry, field, value);

    /// <summary>The digest of the blob that is wrong, where it is known.</summary>
    public string? Digest { get; }

    /// <summary>The name of the archive's member, or the place in a document; what is no text is escaped.</summary>
    public string? Entry { get; }

    /// <summary>The field of it.</summary>
    public string? Field { get; }

    /// <summary>What the field holds.</summary>
    public string? Value { get; }

    /// <summary>The same, said of this blob.</summary>
    internal InvalidImageException In(string digest) => new(_message, digest, Entry, Field, Value);

    private static string Describe(string message, string? digest, string? entry, string? field, string? value)
    {
        var place = string.Join(", ", new[]
        {
            digest, entry is null ? null : $"'{entry}'", field is null ? null : $"{field} = {value}",
        }.Where(part => part is not null));
        return place.Length == 0 ? message : $"{message} ({place})";
    }
}
