using System.Text.Json;
using System.Text.Json.Serialization;

namespace ContainerKit.Images;

/// <summary>
/// What a container of an image starts with unless told otherwise; null is what the image does not say.
/// </summary>
public sealed record ImageDefaults
{
    /// <summary>Who runs the program: a name or number, and after a colon a group.</summary>
    [JsonPropertyName("User")]
    public string? User { get; init; }

    /// <summary>The ports that the program listens at, such as <c>80/tcp</c>.</summary>
    [JsonIgnore]
    public IReadOnlyCollection<string> ExposedPorts
    {
        get => Ports?.Keys ?? (IReadOnlyCollection<string>)[];
        init => Ports = SetOf(value);
    }

    /// <summary>The environment, as <c>NAME=value</c>.</summary>
    [JsonPropertyName("Env")]
    public IReadOnlyList<string>? Environment { get; init; }

    /// <summary>The program and the arguments that a command does not replace.</summary>
    [JsonPropertyName("Entrypoint")]
    public IReadOnlyList<string>? EntryPoint { get; init; }

    /// <summary>The arguments, or without an entry point the program and its arguments.</summary>
    [JsonPropertyName("Cmd")]
    public IReadOnlyList<string>? Command { get; init; }

    /// <summary>The directories that want a volume.</summary>
    [JsonIgnore]
    public IReadOnlyCollection<string> Volumes
    {
        get => VolumeSet?.Keys ?? (IReadOnlyCollection<string>)[];
        init => VolumeSet = SetOf(value);
    }

    /// <summary>The directory the program starts in.</summary>
    [JsonPropertyName("WorkingDir")]
    public string? WorkingDirectory { get; init; }

    /// <summary>What is noted about the image: data, never instructions.</summary>
    [JsonPropertyName("Labels")]
    public IReadOnlyDictionary<string, string>? Labels { get; init; }

    /// <summary>The signal that asks the program to end, such as <c>SIGTERM</c>.</summary>
    [JsonPropertyName("StopSignal")]
    public string? StopSignal { get; init; }

    /// <summary>How to ask whether the program is well.</summary>
    [JsonPropertyName("Healthcheck")]
    public ImageHealthCheck? HealthCheck { get; init; }

    [JsonInclude, JsonPropertyName("ExposedPorts")]
    internal Dictionary<string, JsonElement>? Ports { get; init; }

    [JsonInclude, JsonPropertyName("Volumes")]
    internal Dictionary<string, JsonElement>? VolumeSet { get; init; }

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Unknown { get; set; }

    internal void Check(string entry)
    {
        ImageDocument.RefuseNulls(Labels, $"{entry}, Labels");
        foreach (var (field, values) in new[] { ("Env", Environment), ("Entrypoint", EntryPoint), ("Cmd", Command) })
        {
            foreach (var value in values ?? [])
            {
                ImageDocument.Require(value is not null && !value.Contains('\0', StringComparison.Ordinal),
                    "No program can be given this.", entry, field, value ?? "null");
            }
        }
    }

    // The specification's sets are objects whose values are empty.
    private static Dictionary<string, JsonElement>? SetOf(IReadOnlyCollection<string> names) => names.Count == 0
        ? null
        : names.Distinct().Order(StringComparer.Ordinal).ToDictionary(name => name, _ => EmptyObject);

    private static JsonElement EmptyObject { get; } = MakeEmptyObject();

    private static JsonElement MakeEmptyObject()
    {
        using var document = JsonDocument.Parse("{}");
        return document.RootElement.Clone();
    }
}

/// <summary>
/// How to ask whether a program is well; Docker's field. Times are in nanoseconds, 0 for what is inherited.
/// </summary>
public sealed record ImageHealthCheck
{
    /// <summary>The command, after <c>CMD</c> or <c>CMD-SHELL</c>; or <c>NONE</c>.</summary>
    [JsonPropertyName("Test")]
    public IReadOnlyList<string>? Test { get; init; }

    /// <summary>The time between two checks.</summary>
    [JsonPropertyName("Interval")]
    public long Interval { get; init; }

    /// <summary>The time after which a check has failed.</summary>
    [JsonPropertyName("Timeout")]
    public long Timeout { get; init; }

    /// <summary>The time a program has to come up.</summary>
    [JsonPropertyName("StartPeriod")]
    public long StartPeriod { get; init; }

    /// <summary>The time between two checks while it comes up.</summary>
    [JsonPropertyName("StartInterval")]
    public long StartInterval { get; init; }

    /// <summary>How many checks must fail.</summary>
    [JsonPropertyName("Retries")]
    public int Retries { get; init; }

    [JsonInclude, JsonExtensionData]
    internal Dictionary<string, JsonElement>? Unknown { get; set; }
}
