using System.Collections.ObjectModel;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace ContainerKit.Images;

/// <summary>
/// Reads the documents of an image so that no other reader can see something else in them: no name twice, none that
/// differs from a known one only in case, as Go's reader takes those for the same.
/// </summary>
internal static class ImageDocument
{
    /// <summary>The most bytes of a document; registries and other tools have the same limit.</summary>
    public const int MaxSize = 4 << 20;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>Reads a document; <paramref name="name"/> says in an error which one it is.</summary>
    public static T Read<T>(ReadOnlyMemory<byte> json, JsonTypeInfo<T> type, string name) where T : class
    {
        CheckSize(json.Length, name);
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            RefuseNullItems(document.RootElement, name);
            return document.Deserialize(type) ?? throw new InvalidImageException("The document is null.", entry: name);
        }
        catch (JsonException wrong)
        {
            throw new InvalidImageException(
                $"The document cannot be read: {Printable(wrong.Message)}", entry: name,
                field: wrong.Path is { } path ? Printable(path) : null, value: "not what belongs there");
        }
        catch (Exception wrong) when (wrong is InvalidOperationException or FormatException or ArgumentException)
        {
            throw new InvalidImageException($"The document is no proper JSON: {Printable(wrong.Message)}", entry: name);
        }
    }

    /// <summary>Refuses to hold a document that is too large.</summary>
    public static void CheckSize(long size, string name) => Require(
        size <= MaxSize, $"A document has at most {MaxSize} bytes.", name, "size", $"{size}");

    /// <summary>Complains about a field unless it is as it must be.</summary>
    public static void Require(
        [DoesNotReturnIf(false)] bool holds, string message, string entry, string field, string value)
    {
        if (!holds)
        {
            throw new InvalidImageException(message, entry: entry, field: field, value: Printable(value));
        }
    }

    /// <summary>Refuses names without a value: nobody knows what they mean.</summary>
    public static void RefuseNulls(IReadOnlyDictionary<string, string>? values, string entry)
    {
        foreach (var (name, value) in values ?? ReadOnlyDictionary<string, string>.Empty)
        {
            Require(value is not null, "A value is missing.", entry, Printable(name), "null");
        }
    }

    /// <summary>Refuses names that other readers would take for those that are known here.</summary>
    public static void RefuseOtherCase(
        Dictionary<string, JsonElement>? unknown, string entry, params ReadOnlySpan<string> known)
    {
        foreach (var (name, _) in unknown ?? [])
        {
            foreach (var likely in known)
            {
                Require(
                    !name.Equals(likely, StringComparison.OrdinalIgnoreCase),
                    $"Some readers would take this name for '{likely}'.", entry, Printable(name), "there");
            }
        }
    }

    /// <summary>A document's own word for what it is must be that of who names it.</summary>
    public static void CheckMediaType(string? own, string? promised, Func<string, bool> fits, string name)
    {
        Require(own is null || fits(own), "The document is of another media type.", name, "mediaType", own ?? "");
        Require(
            own is null || promised is null || own == promised,
            $"The document is named as {promised}.", name, "mediaType", own ?? "");
        Require(
            own is not null || promised is not (MediaTypes.DockerManifest or MediaTypes.DockerManifestList),
            "Docker's documents say what they are.", name, "mediaType", "missing");
    }

    /// <summary>Text for people: printable ASCII, and not too long.</summary>
    public static string Printable(string text) => TarEntry.Printable(Encoding.UTF8.GetBytes(text));

    // What no list of these documents has, and the serializer lets through.
    private static void RefuseNullItems(JsonElement element, string name)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in element.EnumerateObject())
            {
                RefuseNullItems(property.Value, name);
            }
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in element.EnumerateArray())
            {
                Require(item.ValueKind != JsonValueKind.Null, "An item of a list is missing.", name, "item", "null");
                RefuseNullItems(item, name);
            }
        }
    }
}
