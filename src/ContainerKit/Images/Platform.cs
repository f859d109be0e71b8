using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json.Serialization;

namespace ContainerKit.Images;

/// <summary>What an image runs on, in the words of Go: <c>linux/amd64</c>, <c>linux/arm64/v8</c>.</summary>
public sealed record Platform
{
    /// <summary>The platform of this process.</summary>
    public static Platform Host { get; } = new()
    {
        OperatingSystem = "linux",
        Architecture = RuntimeInformation.ProcessArchitecture switch
        {
            System.Runtime.InteropServices.Architecture.X64 => "amd64",
            var other => other.ToString().ToLowerInvariant(),
        },
    };

    /// <summary>The kind of processor: <c>amd64</c>, <c>arm64</c>.</summary>
    [JsonPropertyName("architecture")]
    public required string Architecture { get; init; }

    /// <summary>The operating system: <c>linux</c>.</summary>
    [JsonPropertyName("os")]
    public required string OperatingSystem { get; init; }

    /// <summary>The form of the processor, such as <c>v8</c>; null when nothing is said.</summary>
    [JsonPropertyName("variant")]
    public string? Variant { get; init; }

    /// <summary>The version of the operating system.</summary>
    [JsonPropertyName("os.version")]
    public string? OperatingSystemVersion { get; init; }

    /// <summary>Reads <c>os/architecture</c> or <c>os/architecture/variant</c>.</summary>
    /// <exception cref="FormatException">It is neither.</exception>
    public static Platform Parse(string text)
    {
        var parts = text.Split('/');
        return parts.Length is 2 or 3 && parts.All(part => part.Length > 0 && part.All(IsPart))
            ? new() { OperatingSystem = parts[0], Architecture = parts[1], Variant = parts.ElementAtOrDefault(2) }
            : throw new FormatException(
                $"'{text}' is no platform: it takes os/architecture or os/architecture/variant.");
    }

    /// <summary>Formats the platform as <see cref="Parse"/> reads it.</summary>
    public override string ToString() =>
        $"{OperatingSystem}/{Architecture}{(Variant is { Length: > 0 } ? $"/{Variant}" : "")}";

    /// <summary>How well an image for <paramref name="other"/> runs here: 0 is best; null when it does not.</summary>
    internal int? DistanceTo(Platform other)
    {
        var (mine, its) = (Canonical(this), Canonical(other));
        if (mine.System != its.System || mine.Architecture != its.Architecture)
        {
            return null;
        }

        // A processor runs what was made for its forerunners; forms that are no numbers are only like themselves.
        return mine.Variant == its.Variant ? 0
            : Level(mine.Variant) is { } high && Level(its.Variant) is { } low && low < high ? high - low : null;
    }

    private static (string System, string Architecture, string Variant) Canonical(Platform platform)
    {
        var architecture = platform.Architecture.ToLowerInvariant() switch
        {
            "x86_64" or "x86-64" => "amd64",
            "aarch64" => "arm64",
            var known => known,
        };
        var variant = platform.Variant is { Length: > 0 } said ? said.ToLowerInvariant() : architecture switch
        {
            "amd64" => "v1",
            "arm64" => "v8",
            _ => "",
        };
        return (platform.OperatingSystem.ToLowerInvariant(), architecture, variant == "8" ? "v8" : variant);
    }

    // In tenths: arm64 has v8.1.
    private static int? Level(string variant) =>
        variant is ['v', .. var number]
        && decimal.TryParse(number, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var level)
        && level is > 0 and < 100
            ? (int)(level * 10)
            : null;

    private static bool IsPart(char letter) => char.IsAsciiLetterOrDigit(letter) || letter is '_' or '-' or '.';
}
