namespace ContainerKit;

/// <summary>
/// What the records of one PAX header say about the member that follows. Keys that do not matter here are passed over;
/// a key that comes twice must say the same twice, because some implementations take the first and some the last.
/// </summary>
internal sealed class PaxHeader(TarLimits limits)
{
    private const long MostId = uint.MaxValue - 1; // chown(2) reads the highest as "leave it"

    public ReadOnlyMemory<byte>? Path { get; private set; }

    public ReadOnlyMemory<byte>? LinkTarget { get; private set; }

    public long? Size { get; private set; }

    public uint? User { get; private set; }

    public uint? Group { get; private set; }

    public (long Seconds, uint Nanoseconds)? ModifiedAt { get; private set; }

    public PaxSparse Sparse { get; } = new(limits);

    /// <summary>Forgets all of it.</summary>
    public void Clear()
    {
        (Path, LinkTarget, Size, User, Group, ModifiedAt) = (null, null, null, null, null, null);
        Sparse.Clear();
    }

    /// <summary>Reads the header of a member, and adds the attributes that it holds.</summary>
    public void Read(ReadOnlyMemory<byte> records, TarEntry entry)
    {
        while (!records.IsEmpty)
        {
            var record = PaxRecord.Take(ref records, entry);
            if (!TryApplyCommon(record, entry) && !TryApplyName(record, entry) && !Sparse.TryApply(record, entry))
            {
                ApplyOther(record, entry);
            }
        }
    }

    /// <summary>Reads a header that is for all members that follow; what it says lasts until another says so.</summary>
    public void ReadGlobal(ReadOnlyMemory<byte> records, TarEntry entry)
    {
        var header = new PaxHeader(limits);
        while (!records.IsEmpty)
        {
            var record = PaxRecord.Take(ref records, entry);
            if (!header.TryApplyCommon(record, entry) && IsOfOneMember(record.Key.Span))
            {
                throw record.Invalid(entry, "A global PAX header holds what only one member can have.");
            }
        }

        (User, Group) = (header.User ?? User, header.Group ?? Group);
        ModifiedAt = header.ModifiedAt ?? ModifiedAt;
    }

    /// <summary>Whether GNU tar, and no other, takes the name of an attribute for one that it has encoded.</summary>
    public static bool IsEncodedName(ReadOnlySpan<byte> name) =>
        name.IndexOf("%3D"u8) >= 0 || name.IndexOf("%25"u8) >= 0;

    private static bool IsOfOneMember(ReadOnlySpan<byte> key) =>
        key.SequenceEqual("path"u8) || key.SequenceEqual("linkpath"u8) || key.SequenceEqual("size"u8)
        || key.StartsWith("GNU."u8) || key.StartsWith("SCHILY."u8) || key.StartsWith("SUN."u8);

    private bool TryApplyCommon(PaxRecord record, TarEntry entry)
    {
        var key = record.Key.Span;
        if (key.SequenceEqual("mtime"u8))
        {
            ModifiedAt = Same(ModifiedAt, record.Time(entry), record, entry);
        }
        else if (key.SequenceEqual("uid"u8))
        {
            User = Same(User, (uint)record.Number(entry, MostId), record, entry);
        }
        else if (key.SequenceEqual("gid"u8))
        {
            Group = Same(Group, (uint)record.Number(entry, MostId), record, entry);
        }
        else if (key.SequenceEqual("hdrcharset"u8))
        {
            RefuseCharset(record, entry);
        }
        else
        {
            return false;
        }

        return true;
    }

    private bool TryApplyName(PaxRecord record, TarEntry entry)
    {
        var key = record.Key.Span;
        if (key.SequenceEqual("path"u8))
        {
            Path = Same(Path, record.Text(entry), record, entry);
        }
        else if (key.SequenceEqual("linkpath"u8))
        {
            LinkTarget = Same(LinkTarget, record.Text(entry), record, entry);
        }
        else if (key.SequenceEqual("size"u8))
        {
            Size = Same(Size, record.Number(entry), record, entry);
        }
        else
        {
            return false;
        }

        return true;
    }

    private void ApplyOther(PaxRecord record, TarEntry entry)
    {
        var key = record.Key.Span;
        if (key.StartsWith("SCHILY.xattr."u8))
        {
            AddAttribute(record with { Key = record.Key["SCHILY.xattr.".Length..] }, entry);
        }
        else if (key.StartsWith("GNU."u8) || key.SequenceEqual("SUN.holesdata"u8)
            || key.SequenceEqual("SCHILY.realsize"u8) || key.SequenceEqual("SCHILY.filetype"u8)
            || key.SequenceEqual("SCHILY.devmajor"u8) || key.SequenceEqual("SCHILY.devminor"u8))
        {
            throw record.Invalid(entry, "Some implementations read this PAX record and some pass over it.");
        }
    }

    private void AddAttribute(PaxRecord record, TarEntry entry)
    {
        const int MostName = 255, MostValue = 65536; // XATTR_NAME_MAX, XATTR_SIZE_MAX
        var name = record.Key.Span;
        if (name.Length is 0 or > MostName || record.Value.Length > MostValue
            || entry.Attributes.Count >= limits.MaxAttributes)
        {
            throw record.Invalid(entry, $"An attribute is too long, or there are more than {limits.MaxAttributes}.");
        }

        if (IsEncodedName(name))
        {
            throw record.Invalid(
                entry, "GNU tar writes \"=\" and \"%\" of an attribute's name so, and no other reads it.");
        }

        foreach (var attribute in entry.Attributes)
        {
            if (attribute.Name.Span.SequenceEqual(name))
            {
                Same(attribute.Value, record.Value, record, entry);
                return;
            }
        }

        entry.Attributes.Add(new(record.Key, record.Value));
    }

    // Names are bytes here, whatever they stand for; another encoding would make other bytes of them.
    private static void RefuseCharset(PaxRecord record, TarEntry entry)
    {
        var charset = record.Value.Span;
        if (!charset.SequenceEqual("BINARY"u8) && !charset.SequenceEqual("ISO-IR 10646 2000 UTF-8"u8))
        {
            throw record.Invalid(entry, "A PAX header is in another encoding than UTF-8.");
        }
    }

    internal static T Same<T>(T? before, T now, PaxRecord record, TarEntry entry)
        where T : struct => before is not { } value || EqualityComparer<T>.Default.Equals(value, now)
            ? now
            : throw Different(record, entry);

    internal static ReadOnlyMemory<byte> Same(
        ReadOnlyMemory<byte>? before, ReadOnlyMemory<byte> now, PaxRecord record, TarEntry entry) =>
        before is not { } value || value.Span.SequenceEqual(now.Span) ? now : throw Different(record, entry);

    private static InvalidImageException Different(PaxRecord record, TarEntry entry) =>
        record.Invalid(entry, "A PAX header says two different things.");
}
