using System.Runtime.InteropServices;
using System.Text.Json;

namespace ContainerKit;

/// <summary>
/// Reads a profile as container engines write it, so that nothing else can be seen in it: OCI's linux.seccomp, or what
/// Docker and Podman add to it. Flags for several threads, or that loosen what the kernel does, mean nothing here.
/// </summary>
internal static class SeccompDocument
{
    /// <summary>The most bytes of a document.</summary>
    public const int MaxSize = 1 << 20;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 16 };

    /// <summary>The profile.</summary>
    /// <exception cref="FormatException">There is none, or one that cannot be meant.</exception>
    public static SeccompProfile Read(ReadOnlyMemory<byte> json)
    {
        if (json.Length > MaxSize)
        {
            throw new FormatException($"A seccomp profile has at most {MaxSize} bytes, and this one {json.Length}.");
        }

        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            return Profile(new(document.RootElement, ""));
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException)
        {
            throw new FormatException($"The seccomp profile is no proper JSON: {wrong.Message}", wrong);
        }
    }

    private static SeccompProfile Profile(SeccompField root)
    {
        root.Object(
            "defaultAction", "defaultErrnoRet", "defaultErrno", "architectures", "archMap", "flags", "listenerPath",
            "listenerMetadata", "syscalls");
        RefuseListener(root["listenerPath"]);
        RefuseListener(root["listenerMetadata"]);

        var rules = new List<SeccompRule>();
        foreach (var call in root["syscalls"]?.Items() ?? [])
        {
            rules.AddRange(SeccompDocumentRule.Read(call));
            call.Require(
                rules.Count <= SeccompProfile.MostRules,
                $"is one too many: there are at most {SeccompProfile.MostRules}");
        }

        if (SeccompContradiction.Find(rules) is var (name, first, second))
        {
            throw new FormatException(
                $"The seccomp profile contradicts itself about {name}: '{first.Action}' and '{second.Action}' fit the "
                    + "same arguments.");
        }

        var flags = root["flags"]?.Items().Select(Flag).ToList() ?? [];
        return new()
        {
            DefaultAction = SeccompNames.Action(
                root.Needed("defaultAction"), root["defaultErrnoRet"], root["defaultErrno"]),
            Rules = rules,
            Architecture = ArchitectureOf(root),
            LogDenied = flags.Contains(true),
            IsParsed = true,
        };
    }

    private static void RefuseListener(SeccompField? field) =>
        field?.Require(
            field.Value.Element is { ValueKind: JsonValueKind.String } text && text.ValueEquals(""u8),
            "is for notification, which is not supported");

    /// <summary>Whether a flag asks to log what is denied.</summary>
    private static bool Flag(SeccompField flag) => flag.Text() switch
    {
        "SECCOMP_FILTER_FLAG_LOG" => true,
        "SECCOMP_FILTER_FLAG_TSYNC" or "SECCOMP_FILTER_FLAG_SPEC_ALLOW" => false,
        _ => throw flag.Wrong("is a flag that is not supported"),
    };

    /// <summary>The one that a profile is for, of those that it can be; null for both.</summary>
    private static Architecture? ArchitectureOf(SeccompField root)
    {
        var mapped = root["archMap"]?.Items().ToList() ?? [];
        foreach (var entry in mapped)
        {
            entry.Object("architecture", "subArchitectures");
            SeccompNames.Architecture(entry.Needed("architecture"));
            foreach (var sub in entry["subArchitectures"]?.Items() ?? [])
            {
                SeccompNames.Architecture(sub); // a second table of calls, which is never let in
            }
        }

        if (root["architectures"] is not { } list || list.Items().ToList() is not { Count: > 0 } items)
        {
            return null;
        }

        list.Require(mapped.Count == 0, "is there beside archMap");
        var own = items.ConvertAll(SeccompNames.Architecture).OfType<Architecture>().Distinct().ToList();
        if (items.Exists(item => item.Text() == SeccompNames.NativeArchitecture))
        {
            return null;
        }

        list.Require(own.Count > 0, "has neither SCMP_ARCH_X86_64 nor SCMP_ARCH_AARCH64");
        return own.Count == 1 ? own[0] : null;
    }
}
