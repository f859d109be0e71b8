using System.Globalization;

namespace ContainerKit;

/// <summary>What is wrong with a member, said with its name, the field and what the field holds.</summary>
internal static class TarErrors
{
    public static InvalidImageException Invalid(
        this TarEntry entry, string message, string field, ReadOnlySpan<byte> value) =>
        new(message, entry: entry.Name, field: field, value: TarEntry.Printable(value));

    public static InvalidImageException Invalid(this TarEntry entry, string message, string field, long value) =>
        new(message, entry: entry.Name, field: field, value: value.ToString(CultureInfo.InvariantCulture));
}
