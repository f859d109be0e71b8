using System.Text.Json;

namespace ContainerKit;

/// <summary>A field of a profile's document, with where it stands; what is null is as if it were not there.</summary>
internal readonly record struct SeccompField(JsonElement Element, string Path)
{
    /// <summary>The fields of an object, unless one is spelled as a known one is, but for the case.</summary>
    public SeccompField Object(params ReadOnlySpan<string> known)
    {
        Require(Element.ValueKind == JsonValueKind.Object, "is no object");
        foreach (var property in Element.EnumerateObject())
        {
            foreach (var name in known)
            {
                // Other readers take both for the same.
                Require(
                    property.Name == name || !property.Name.Equals(name, StringComparison.OrdinalIgnoreCase),
                    $"has '{Printable(property.Name)}', which some readers take for '{name}'");
            }
        }

        return this;
    }

    /// <summary>A field of an object; null where there is none.</summary>
    public SeccompField? this[string name] =>
        Element.TryGetProperty(name, out var field) && field.ValueKind != JsonValueKind.Null
            ? new(field, Path.Length == 0 ? name : $"{Path}.{name}")
            : null;

    /// <summary>A field that must be there.</summary>
    public SeccompField Needed(string name) =>
        this[name] ?? throw new FormatException(
            $"The seccomp profile has no {name}{(Path.Length == 0 ? "" : $" in {Path}")}.");

    /// <summary>The items of a list.</summary>
    public IEnumerable<SeccompField> Items()
    {
        Require(Element.ValueKind == JsonValueKind.Array, "is no list");
        var (list, path) = (Element, Path);
        return list.EnumerateArray().Select((item, i) => new SeccompField(item, $"{path}[{i}]"));
    }

    /// <summary>A text, which is not empty.</summary>
    public string Text()
    {
        Require(Element.ValueKind == JsonValueKind.String && Element.ValueEquals(""u8) is false, "is no text");
        return Element.GetString()!;
    }

    /// <summary>A whole number up to a greatest.</summary>
    public ulong Number(ulong most = ulong.MaxValue)
    {
        Require(
            Element.ValueKind == JsonValueKind.Number && Element.TryGetUInt64(out var number) && number <= most,
            $"is no whole number from 0 to {most}");
        return Element.GetUInt64();
    }

    /// <summary>Complains about the field, with its value, unless it is as it must be.</summary>
    public void Require(bool holds, string complaint)
    {
        if (!holds)
        {
            throw Wrong(complaint);
        }
    }

    /// <summary>What is to be said of a field that is not as it must be.</summary>
    public FormatException Wrong(string complaint)
    {
        var value = Printable(Element.GetRawText());
        return new($"The seccomp profile is wrong: {(Path.Length == 0 ? "it" : Path)} {complaint}: {value}");
    }

    private static string Printable(string text) => string.Concat(
        (text.Length > 80 ? text[..80] + "…" : text).Select(character => char.IsControl(character) ? '␀' : character));
}
