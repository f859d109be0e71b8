using System.Text.Json;
using System.Text.Json.Serialization;

namespace PluginOverStdio;

/// <summary>A question or an answer: a line of JSON.</summary>
internal sealed record Message(string Text)
{
    /// <summary>Writes it, with the end of the line.</summary>
    public byte[] ToLine() => [.. JsonSerializer.SerializeToUtf8Bytes(this, MessageJson.Default.Message), (byte)'\n'];

    /// <summary>Reads it, and throws a <see cref="JsonException"/> for everything that is not one.</summary>
    public static Message Parse(ReadOnlySpan<byte> line) =>
        JsonSerializer.Deserialize(line, MessageJson.Default.Message)
            ?? throw new JsonException("The message is null.");
}

/// <summary>Compiled, so that the sample can be trimmed and compiled ahead of time.</summary>
[JsonSourceGenerationOptions(RespectNullableAnnotations = true, RespectRequiredConstructorParameters = true)]
[JsonSerializable(typeof(Message))]
internal sealed partial class MessageJson : JsonSerializerContext;
