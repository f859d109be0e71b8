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
            Check(document.RootElement, type, name);
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

    /// <summary>How many values, names and brackets a document has, as far as it is JSON.</summary>
    public static int CountTokens(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        var count = 0;
        try
        {
            while (reader.Read())
            {
                count++;
            }
        }
        catch (JsonException)
        {
            // Who reads it says so.
        }

        return count;
    }

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

    /// <summary>Refuses names that make another document of this.</summary>
    public static void RefuseNames(
        Dictionary<string, JsonElement>? unknown, string message, string entry, params ReadOnlySpan<string> names)
    {
        foreach (var (name, _) in unknown ?? [])
        {
            foreach (var refused in names)
            {
                RefuseAlike(name, refused, message, entry);
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

    // What no list of these documents has, and the serializer lets through; and names that others take for known ones.
    private static void Check(JsonElement element, JsonTypeInfo? type, string entry)
    {
        if (element.ValueKind == JsonValueKind.Object)
        {
            foreach (var property in element.EnumerateObject())
            {
                var inner = TypeOf(property.Name, type, entry);
                Check(property.Value, inner, inner is null ? entry : $"{entry}, {Printable(property.Name)}");
            }
        }
        else if (element.ValueKind == JsonValueKind.Array)
        {
            var (inner, i) = (TypeOfElements(type, JsonTypeInfoKind.Enumerable), 0);
            foreach (var item in element.EnumerateArray())
            {
                Require(item.ValueKind != JsonValueKind.Null, "An item of a list is missing.", entry, "item", "null");
                Check(item, inner, inner is null ? entry : $"{entry}[{i++}]");
            }
        }
    }

    private static JsonTypeInfo? TypeOf(string name, JsonTypeInfo? type, string entry)
    {
        if (type?.Kind is not JsonTypeInfoKind.Object)
        {
            return TypeOfElements(type, JsonTypeInfoKind.Dictionary);
        }

        foreach (var known in type.Properties)
        {
            if (known.Name == name && IsRead(known))
            {
                return Structured(known.PropertyType, type);
            }
        }

        foreach (var known in type.Properties)
        {
            if (IsRead(known))
            {
                RefuseAlike(name, known.Name, "Some readers would take this name for one that is known.", entry);
            }
        }

        return null;
    }

    private static JsonTypeInfo? TypeOfElements(JsonTypeInfo? type, JsonTypeInfoKind kind) =>
        type?.Kind == kind ? Structured(type.ElementType!, type) : null;

    // Null for what holds no names.
    private static JsonTypeInfo? Structured(Type type, JsonTypeInfo parent) =>
        parent.Options.TryGetTypeInfo(type, out var info) && info.Kind != JsonTypeInfoKind.None ? info : null;

    private static bool IsRead(JsonPropertyInfo property) => !property.IsExtensionData && property.Set is not null;

    private static void RefuseAlike(string name, string other, string message, string entry)
    {
        // As Go compares them: two letters beyond ASCII are s and k in another case.
        if (name.Replace('\u017F', 's').Replace('\u212A', 'k').Equals(other, StringComparison.OrdinalIgnoreCase))
        {
            throw new InvalidImageException(message, entry: entry, field: Printable(name), value: "there");
        }
    }
}
