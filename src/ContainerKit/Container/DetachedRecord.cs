using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What other processes must know of a detached container, as it is written in its directory.</summary>
internal sealed record DetachedRecord
{
    /// <summary>The version that is written; others are not read.</summary>
    public const int CurrentVersion = 1;

    /// <summary>How long one is at the most; arguments and environment of a program are 6 MiB.</summary>
    public const int MostBytes = 64 << 20;

    public int Version { get; init; } = CurrentVersion;

    public DateTimeOffset CreatedAt { get; init; }

    public bool HasInit { get; init; }

    /// <summary>The namespaces that the supervisor holds; <see cref="HeldNamespaces"/>.</summary>
    public uint ForeignNamespaces { get; init; }

    public uint OtherNamespaces { get; init; }

    public int FirstNamespace { get; init; }

    public string Root { get; init; } = "";

    /// <summary>The layers of a root that is a writable layer of a store, whose path is <see cref="Root"/>.</summary>
    public string[]? Layers { get; init; }

    /// <summary>Its id there.</summary>
    public string WritableLayer { get; init; } = "";

    public string IdMap { get; init; } = "";

    public string UserRanges { get; init; } = "";

    public string GroupRanges { get; init; } = "";

    public string Program { get; init; } = "";

    public Dictionary<string, string> Environment { get; init; } = [];

    public string WorkingDirectory { get; init; } = "/";

    public string User { get; init; } = "0";

    public string[] Groups { get; init; } = [];

    public bool GroupsOfUser { get; init; }

    /// <summary>Bits of what is bounding, permitted, effective, inheritable and ambient; null for none.</summary>
    public ulong[]? Capabilities { get; init; }

    /// <summary>What Landlock restricts of its programs.</summary>
    public LandlockRules? Landlock { get; init; }

    /// <summary>Each as <c>number:soft:hard</c>.</summary>
    public string[] ResourceLimits { get; init; } = [];

    public int Umask { get; init; }

    public int? MaxProcesses { get; init; }

    /// <summary>
    /// The filter of its programs, in base 64; empty when it has none, null when nothing is said of it.
    /// </summary>
    public string? Seccomp { get; init; }

    /// <summary>How that is installed.</summary>
    public int SeccompFilterFlags { get; init; }

    public int StopSignal { get; init; }

    public TimeSpan StopTimeout { get; init; }

    /// <summary>The directories of its cgroup.</summary>
    public IReadOnlyList<string>? Cgroup { get; init; }

    /// <summary>Whether all of it is killed with the first that is killed by want of memory.</summary>
    public bool OomGroup { get; init; }

    public bool DelegatesCgroup { get; init; }

    public bool LogsOutput { get; init; }

    public bool LogsErrors { get; init; }

    /// <summary>The namespaces that the supervisor holds.</summary>
    [JsonIgnore]
    public HeldNamespaces Held =>
        new((CloneFlags)ForeignNamespaces, (CloneFlags)OtherNamespaces, FirstNamespace);

    /// <summary>What is to be written of a container.</summary>
    public static DetachedRecord Of(ContainerOptions options, HeldNamespaces held)
    {
        var map = options.IdMap switch
        {
            JoinedIdMap joined => joined.Ids,
            AutomaticIdMap automatic => automatic.In(IdBlocks.DefaultFirst, IdBlocks.DefaultFirst), // of a joined one
            _ => options.IdMap,
        };
        var ranges = map as RangesIdMap;
        var layers = options.Root as LayersRoot;
        var filter = SeccompFilter.Of(options.Seccomp, options.Capabilities.Bounding);
        return new()
        {
            CreatedAt = DateTimeOffset.UtcNow,
            HasInit = options.HasInit,
            ForeignNamespaces = (uint)held.Foreign,
            OtherNamespaces = (uint)held.Others,
            FirstNamespace = held.First,
            Root = options.Root switch
            {
                DirectoryRoot { Path: var path } => path,
                LayersRoot { Store: var path } => path,
                _ => options.Root.GetType().Name,
            },
            Layers = layers?.Layers.Select(layer => $"{layer}").ToArray(),
            WritableLayer = layers?.Id ?? "",
            IdMap = map is SingleIdMap { HostUser: { } user, HostGroup: { } group }
                ? FormattableString.Invariant($"{user}:{group}")
                : map.GetType().Name,
            UserRanges = ranges?.Users.Text ?? "",
            GroupRanges = ranges?.Groups.Text ?? "",
            Program = options.Command[0],
            Environment = new(options.Environment),
            WorkingDirectory = options.WorkingDirectory,
            User = options.User,
            Groups = [.. options.Groups],
            GroupsOfUser = options.GroupsOfUser,
            Landlock = options.Landlock,
            Capabilities = MasksOf(options.Capabilities),
            ResourceLimits =
            [
                .. options.ResourceLimits.Select(
                    limit => FormattableString.Invariant($"{(int)limit.Resource}:{limit.Soft}:{limit.Hard}")),
            ],
            Umask = options.Umask,
            MaxProcesses = options.MaxProcesses,
            Seccomp = filter is null ? "" : Convert.ToBase64String(filter.Bytes),
            SeccompFilterFlags = (int)(filter?.Flags ?? default),
            StopSignal = (int)options.StopSignal,
            StopTimeout = options.StopTimeout,
            OomGroup = options.Limits?.OomGroup is true,
            DelegatesCgroup = options.DelegateCgroup,
            LogsOutput = options.StandardOutput is StandardStream.LogStream,
            LogsErrors = options.StandardError is StandardStream.LogStream,
        };
    }

    /// <summary>What a file holds; null when it is of another version, or damaged.</summary>
    public static DetachedRecord? Parse(ReadOnlySpan<byte> json)
    {
        try
        {
            var record = JsonSerializer.Deserialize(json, DetachedJson.Default.DetachedRecord);
            if (record is not { Version: CurrentVersion })
            {
                return null;
            }

            record.ToOptions(); // whose texts may be none of this version's
            record.Landlock?.Validate();
            return record;
        }
        catch (Exception damaged) when (damaged is JsonException or NotSupportedException or FormatException
            or OverflowException or ArgumentException)
        {
            return null;
        }
    }

    /// <summary>What a file is to hold.</summary>
    public byte[] ToJson() => JsonSerializer.SerializeToUtf8Bytes(this, DetachedJson.Default.DetachedRecord);

    /// <summary>The options as far as its end, and other programs in the container, need them.</summary>
    public ContainerOptions ToOptions() => new()
    {
        Command = [Program],
        Root = Root switch
        {
            nameof(HostSystemRoot) => RootFilesystem.HostSystem,
            nameof(EntireHostRoot) => RootFilesystem.EntireHost,
            nameof(EmptyRoot) => RootFilesystem.Empty,
            _ when Layers is { Length: > 0 } =>
                new LayersRoot(Root, WritableLayer, Array.ConvertAll(Layers, Digest.Parse)),
            _ => RootFilesystem.Directory(Root),
        },
        IdMap = IdMap switch
        {
            nameof(SingleIdMap) => ContainerKit.IdMap.SingleId,
            nameof(IdentityIdMap) => ContainerKit.IdMap.Identity,
            nameof(RangesIdMap) => ContainerKit.IdMap.Ranges(Ranges(UserRanges), Ranges(GroupRanges)),
            _ => Single(IdMap),
        },
        Namespaces = (NamespaceKinds)(ForeignNamespaces | OtherNamespaces),
        Environment = Environment,
        WorkingDirectory = WorkingDirectory,
        User = User,
        Groups = Groups,
        GroupsOfUser = GroupsOfUser,
        Landlock = Landlock,
        Capabilities = SetsOf(Capabilities),
        ResourceLimits = [.. ResourceLimits.Select(Limit)],
        Umask = Umask,
        MaxProcesses = MaxProcesses,
        Seccomp = Seccomp switch
        {
            null => null,
            "" => SeccompProfile.Unconfined,
            _ => SeccompProfile.Of(new(Convert.FromBase64String(Seccomp), (SeccompFlags)SeccompFilterFlags)),
        },
        Limits = OomGroup ? new() { OomGroup = true } : null,
        StopSignal = (Signal)StopSignal,
        StopTimeout = StopTimeout,
        Init = HasInit,
        DelegateCgroup = DelegatesCgroup,
    };

    private static ulong[]? MasksOf(CapabilitySets sets) => sets == CapabilitySets.None ? null :
    [
        .. new[] { sets.Bounding, sets.Permitted, sets.Effective, sets.Inheritable, sets.Ambient }
            .Select(set => set.Mask),
    ];

    private static CapabilitySets SetsOf(ulong[]? masks)
    {
        if (masks is null)
        {
            return CapabilitySets.None;
        }

        var sets = Array.ConvertAll(masks, CapabilitySet.OfMask);
        return sets is [var bounding, var permitted, var effective, var inheritable, var ambient]
            ? new(bounding)
            {
                Permitted = permitted,
                Effective = effective,
                Inheritable = inheritable,
                Ambient = ambient,
            }
            : throw new FormatException();
    }

    private static ResourceLimit Limit(string? text)
    {
        var numbers = Numbers(text, ':', 3);
        return new((Resource)numbers[0], numbers[1], numbers[2]);
    }

    private static SingleIdMap Single(string text)
    {
        var ids = Numbers(text, ':', 2);
        return new(checked((uint)ids[0]), checked((uint)ids[1]));
    }

    private static IReadOnlyList<IdRange> Ranges(string text) =>
    [
        .. text.Split('\n').Select(line => Numbers(line, ' ', 3)).Select(
            range => new IdRange(checked((uint)range[0]), checked((uint)range[1]), checked((uint)range[2]))),
    ];

    private static ulong[] Numbers(string? text, char between, int count)
    {
        var parts = text?.Split(between) ?? [];
        return parts.Length == count
            ? Array.ConvertAll(parts, part => ulong.Parse(part, NumberStyles.None, CultureInfo.InvariantCulture))
            : throw new FormatException();
    }
}

/// <summary>The code that reads and writes records, made by the compiler.</summary>
[JsonSourceGenerationOptions(RespectNullableAnnotations = true)]
[JsonSerializable(typeof(DetachedRecord))]
internal sealed partial class DetachedJson : JsonSerializerContext;
