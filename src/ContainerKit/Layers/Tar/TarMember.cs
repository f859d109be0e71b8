namespace ContainerKit;

/// <summary>Makes a member of its header and of what came before it, and checks that they agree.</summary>
internal static class TarMember
{
    private const long MostInField = (1L << 33) - 1; // eleven octal digits
    private const long MostId = uint.MaxValue - 1; // chown(2) reads the highest as "leave it"
    private const long MostMajor = (1 << 12) - 1, MostMinor = (1 << 20) - 1; // what Linux has

    /// <summary>Fills in the member, and gives how many bytes of content follow.</summary>
    public static long Read(TarHeader header, TarPrelude prelude, TarEntry entry, TarLimits limits)
    {
        entry.Path = PathOf(prelude, entry);
        CheckLength(entry.Path, TarField.Path.Name, entry, limits);
        CheckDepth(entry, limits);
        CheckLayout(header, entry);
        entry.Kind = KindOf(header, entry);
        ReadAttributes(header, prelude, entry);
        if (entry.Kind is TarEntryKind.HardLink or TarEntryKind.SymbolicLink)
        {
            entry.LinkTarget = LinkTargetOf(header, prelude, entry);
            CheckLength(entry.LinkTarget, TarField.LinkTarget.Name, entry, limits);
        }

        if (entry.Kind is TarEntryKind.CharacterDevice or TarEntryKind.BlockDevice)
        {
            entry.Device = ((uint)Number(header, TarField.DeviceMajor, entry, MostMajor),
                (uint)Number(header, TarField.DeviceMinor, entry, MostMinor));
        }

        var size = SizeOf(header, prelude.Records, entry);
        if (entry.Kind is not TarEntryKind.RegularFile && (size != 0 || prelude.Records.Sparse.IsSparse))
        {
            throw entry.Invalid("What is no regular file has content: implementations skip it, or read it as headers.",
                TarField.Size.Name, size);
        }

        return entry.Size = size;
    }

    /// <summary>A field of a header that is a number.</summary>
    public static long Number(TarHeader header, TarField field, TarEntry entry, long most = long.MaxValue) =>
        TarNumber.TryParseField(header.Field(field), out var number) && number >= 0 && number <= most
            ? number
            : throw entry.Invalid($"A field holds no number up to {most}.", field.Name, header.Field(field));

    private static void ReadAttributes(TarHeader header, TarPrelude prelude, TarEntry entry)
    {
        const uint Permissions = 0xFFF; // old archives have the type in the mode as well
        var (records, global) = (prelude.Records, prelude.Global);
        entry.Mode = (uint)Number(header, TarField.Mode, entry) & Permissions;
        entry.User = records.User ?? global.User ?? (uint)Number(header, TarField.User, entry, MostId);
        entry.Group = records.Group ?? global.Group ?? (uint)Number(header, TarField.Group, entry, MostId);
        entry.ModifiedAt = records.ModifiedAt ?? global.ModifiedAt
            ?? (TarNumber.TryParseField(header.Field(TarField.ModifiedAt), out var seconds)
                ? (seconds, 0u)
                : throw entry.Invalid(
                    "A time is no number.", TarField.ModifiedAt.Name, header.Field(TarField.ModifiedAt)));
    }

    private static ReadOnlyMemory<byte> PathOf(TarPrelude prelude, TarEntry entry)
    {
        if (prelude is { LongPath: { } longPath, Records.Path: { } path } && !longPath.Span.SequenceEqual(path.Span))
        {
            throw entry.Invalid("A member has two long names.", "path", path.Span);
        }

        return prelude.Records.Sparse.Name ?? prelude.Records.Path ?? entry.Path;
    }

    private static ReadOnlyMemory<byte> LinkTargetOf(TarHeader header, TarPrelude prelude, TarEntry entry)
    {
        var (longTarget, recorded) = (prelude.LongLinkTarget, prelude.Records.LinkTarget);
        if (longTarget is { } target && recorded is { } other && !target.Span.SequenceEqual(other.Span))
        {
            throw entry.Invalid("A link has two long targets.", "linkpath", other.Span);
        }

        var result = recorded ?? longTarget ?? header.Text(TarField.LinkTarget);
        return !result.IsEmpty
            ? result
            : throw entry.Invalid(
                "A link leads to nothing.", TarField.LinkTarget.Name, header.Field(TarField.LinkTarget));
    }

    private static TarEntryKind KindOf(TarHeader header, TarEntry entry)
    {
        var isNamedAsDirectory = entry.Path.Span is [.., (byte)'/'];
        return (char)header.Type switch
        {
            '\0' when isNamedAsDirectory && header.Format is TarFormat.V7 => TarEntryKind.Directory,
            '\0' or '0' or '7' when !isNamedAsDirectory => TarEntryKind.RegularFile,
            'S' when !isNamedAsDirectory && header.Format is TarFormat.Gnu => TarEntryKind.RegularFile,
            '1' => TarEntryKind.HardLink,
            '2' => TarEntryKind.SymbolicLink,
            '3' when header.Format is not TarFormat.V7 => TarEntryKind.CharacterDevice,
            '4' when header.Format is not TarFormat.V7 => TarEntryKind.BlockDevice,
            '5' => TarEntryKind.Directory,
            '6' => TarEntryKind.Fifo,
            _ => throw entry.Invalid("A member is of a type that implementations read differently, or not at all.",
                TarField.Type.Name, header.Field(TarField.Type)),
        };
    }

    // A PAX size is for what eleven octal digits cannot say. Where the header could, it must say the same: an
    // implementation that overlooks one of the two would take content for headers.
    private static long SizeOf(TarHeader header, PaxHeader records, TarEntry entry)
    {
        var size = Number(header, TarField.Size, entry);
        if (header.Type == 'S' && records.Sparse.IsSparse)
        {
            throw entry.Invalid("A file is sparse in two formats.", TarField.Type.Name, header.Field(TarField.Type));
        }

        return records.Size is not { } recorded || recorded == size
            || (recorded > MostInField && (size is 0 or MostInField))
            ? records.Size ?? size
            : throw entry.Invalid($"A PAX header says another size than the header, {size}.", "size", recorded);
    }

    // Implementations that take GNU's or star's times for the rest of a ustar name read another name.
    private static void CheckLayout(TarHeader header, TarEntry entry)
    {
        if (header.Format is TarFormat.Gnu)
        {
            Number(header, TarField.AccessedAt, entry);
            Number(header, TarField.ChangedAt, entry);
        }

        const int StarPrefix = 131;
        if (header.Format is TarFormat.Ustar && header.Field(TarField.StarTrailer).SequenceEqual("tar\0"u8)
            && !header.Field(TarField.Prefix)[..StarPrefix].Contains((byte)0))
        {
            throw entry.Invalid(
                "A header is of both ustar and star.", TarField.Prefix.Name, header.Field(TarField.Prefix));
        }
    }

    private static void CheckLength(ReadOnlyMemory<byte> path, string field, TarEntry entry, TarLimits limits)
    {
        if (path.Length > limits.MaxPathLength)
        {
            throw entry.Invalid($"A name is longer than {limits.MaxPathLength} bytes.", field, path.Span);
        }
    }

    private static void CheckDepth(TarEntry entry, TarLimits limits)
    {
        if (entry.Path.Span.Count((byte)'/') > limits.MaxDepth)
        {
            throw entry.Invalid($"A name leads through more than {limits.MaxDepth} directories.", "depth",
                entry.Path.Span.Count((byte)'/'));
        }
    }
}
