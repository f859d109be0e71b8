using CsCheck;

namespace ContainerKit.Tests.Layers;

/// <summary>A member to write, as a value.</summary>
internal sealed record TarMade(TarEntryKind Kind, string Path)
{
    public string LinkTarget { get; init; } = "";

    public uint Mode { get; init; } = 0x1A4;

    public uint User { get; init; }

    public uint Group { get; init; }

    public long Size { get; init; }

    public (long Seconds, uint Nanoseconds) ModifiedAt { get; init; }

    public (uint Major, uint Minor) Device { get; init; }

    public (string Name, string Value)[] Attributes { get; init; } = [];

    public long HoleBefore { get; init; }

    public string Content { get; init; } = "";

    public TarEntry ToEntry()
    {
        var entry = new TarEntry
        {
            Kind = Kind,
            Path = TarForge.Latin(Path),
            LinkTarget = TarForge.Latin(LinkTarget),
            Mode = Mode,
            User = User,
            Group = Group,
            Size = Size,
            ModifiedAt = ModifiedAt,
            Device = Device,
        };
        entry.Attributes.AddRange(Attributes.Select(attribute => new TarAttribute(TarForge.Latin(attribute.Name), TarForge.Latin(attribute.Value))));
        return entry;
    }

    /// <summary>What reading it must give, when it is not sparse.</summary>
    public TarListed AsListed() => new(
        Kind, Kind is TarEntryKind.Directory && !Path.EndsWith('/') ? Path + "/" : Path, LinkTarget, Mode, User, Group, Size, ModifiedAt, Device,
        string.Join(";", Attributes.OrderBy(attribute => attribute.Name, StringComparer.Ordinal).Select(attribute => $"{attribute.Name}={attribute.Value}")),
        "", Content)
    {
        Unpacked = Content,
    };
}

/// <summary>Makes members of all kinds up.</summary>
internal static class TarGen
{
    private static readonly Gen<string> Component = Gen.String[Gen.Char["abcxyz .-_~#\\\u0001"], 1, 40]
        .Where(text => text.Trim('.').Length > 0);

    private static readonly Gen<string> Path = Component.Array[1, 12].Select(parts => string.Join('/', parts));

    private static readonly Gen<(string, string)[]> Attributes =
        Gen.Select(Gen.String[Gen.Char["abc."], 1, 20].Select(name => "user." + name), Gen.String[Gen.Char['\0', '\u00FF'], 0, 50])
            .Array[0, 4].Select(all => all.DistinctBy(attribute => attribute.Item1).ToArray());

    private static readonly Gen<uint> Id = Gen.OneOf(Gen.UInt[0, 70000], Gen.UInt[0, int.MaxValue]);

    private static readonly Gen<(long, uint)> Time = Gen.Select(
        Gen.OneOf(Gen.Long[-10_000_000_000, 100_000_000_000], Gen.Long[0, 2_000_000_000]), Gen.OneOf(Gen.Const(0u), Gen.UInt[0, 999_999_999]));

    private static readonly Gen<TarMade> Member = Gen.Select(
        Gen.Enum<TarEntryKind>(), Path, Path, Gen.UInt[0, 0xFFF], Gen.Select(Id, Id), Time, Attributes, Gen.String[Gen.Char['\0', '\u00FF'], 0, 1500])
        .Select((kind, path, target, mode, ids, time, attributes, content) => new TarMade(kind, kind is TarEntryKind.Directory ? path + "/" : path)
        {
            LinkTarget = kind is TarEntryKind.HardLink or TarEntryKind.SymbolicLink ? target : "",
            Mode = mode,
            User = ids.Item1,
            Group = ids.Item2,
            ModifiedAt = time,
            Attributes = attributes,
            Device = kind is TarEntryKind.CharacterDevice or TarEntryKind.BlockDevice ? (mode, (uint)content.Length * 600) : (0, 0),
            Content = kind is TarEntryKind.RegularFile ? content : "",
            Size = kind is TarEntryKind.RegularFile ? content.Length : 0,
        });

    public static readonly Gen<TarMade[]> Members = Member.Array[0, 6];
}
