namespace ContainerKit;

/// <summary>Makes headers of ustar, and the records of what they have no room for.</summary>
internal sealed class TarHeaderWriter
{
    private const uint ExtensionMode = 0x1A4; // rw-r--r--

    private readonly List<TarAttribute> _attributes = [];

    /// <summary>The header made last.</summary>
    public byte[] Block { get; } = new byte[TarHeader.BlockSize];

    /// <summary>Makes a member's header, and the records that must come before it.</summary>
    public void Write(TarEntry entry, PaxWriter records)
    {
        Block.AsSpan().Clear();
        records.Clear();
        Put(TarField.Mode, entry.Mode & 0xFFF);
        PutOrRecord(TarField.User, entry.User, "uid"u8, records);
        PutOrRecord(TarField.Group, entry.Group, "gid"u8, records);
        PutOrRecord(TarField.Size, entry.Kind is TarEntryKind.RegularFile ? entry.Size : 0, "size"u8, records);
        if (!Put(TarField.ModifiedAt, entry.ModifiedAt.Seconds) || entry.ModifiedAt.Nanoseconds != 0)
        {
            Span<byte> time = stackalloc byte[32];
            records.Add("mtime"u8, time[..TarNumber.FormatTime(entry.ModifiedAt, time)]);
        }

        WriteLinkTarget(entry, records);
        Put(TarField.DeviceMajor, entry.Device.Major);
        Put(TarField.DeviceMinor, entry.Device.Minor);
        WriteAttributes(entry, records);
        WritePath(entry, records);
        Finish(TypeOf(entry.Kind));
    }

    /// <summary>Makes the header of records so long.</summary>
    public void WriteExtension(int length)
    {
        Block.AsSpan().Clear();
        "PaxHeader"u8.CopyTo(Block);
        Put(TarField.Mode, ExtensionMode);
        Put(TarField.User, 0);
        Put(TarField.Group, 0);
        Put(TarField.Size, length);
        Put(TarField.ModifiedAt, 0);
        Put(TarField.DeviceMajor, 0);
        Put(TarField.DeviceMinor, 0);
        Finish((byte)'x');
    }

    private void WritePath(TarEntry entry, PaxWriter records)
    {
        var path = entry.Path.Span;
        if (path.IsEmpty)
        {
            throw new ArgumentException("A member has no name.", nameof(entry));
        }

        Span<byte> asDirectory = entry.Kind is TarEntryKind.Directory && path[^1] != '/'
            ? new byte[path.Length + 1]
            : [];
        if (!asDirectory.IsEmpty)
        {
            path.CopyTo(asDirectory);
            asDirectory[^1] = (byte)'/';
            path = asDirectory;
        }

        // System.Formats.Tar forgets the prefix of a member that has records.
        if (!TryPutPath(path, mayUsePrefix: records.Bytes.IsEmpty))
        {
            records.Add("path"u8, path);
            path[..TarField.Path.Length].CopyTo(Room(TarField.Path));
        }
    }

    // The prefix ends at a slash that is in neither part; of several, the last that leaves a name.
    private bool TryPutPath(ReadOnlySpan<byte> path, bool mayUsePrefix)
    {
        if (path.Length <= TarField.Path.Length)
        {
            path.CopyTo(Room(TarField.Path));
            return true;
        }

        var slash = path[..Math.Min(path.Length - 1, TarField.Prefix.Length + 1)].LastIndexOf((byte)'/');
        if (!mayUsePrefix || slash <= 0 || path.Length - slash - 1 > TarField.Path.Length)
        {
            return false;
        }

        path[..slash].CopyTo(Room(TarField.Prefix));
        path[(slash + 1)..].CopyTo(Room(TarField.Path));
        return true;
    }

    private void WriteLinkTarget(TarEntry entry, PaxWriter records)
    {
        if (entry.Kind is not (TarEntryKind.HardLink or TarEntryKind.SymbolicLink))
        {
            return;
        }

        var target = entry.LinkTarget.Span;
        var fits = target.Length <= TarField.LinkTarget.Length;
        (fits ? target : target[..TarField.LinkTarget.Length]).CopyTo(Room(TarField.LinkTarget));
        if (!fits)
        {
            records.Add("linkpath"u8, target);
        }
    }

    // The kernel lists them in an order of its own.
    private void WriteAttributes(TarEntry entry, PaxWriter records)
    {
        _attributes.Clear();
        _attributes.AddRange(entry.Attributes);
        _attributes.Sort(static (left, right) => left.Name.Span.SequenceCompareTo(right.Name.Span));
        foreach (var (name, value) in _attributes)
        {
            if (name.Span.Contains((byte)'=') || PaxHeader.IsEncodedName(name.Span))
            {
                throw entry.Invalid("No archive can hold an attribute of this name.", "SCHILY.xattr", name.Span);
            }

            records.Add("SCHILY.xattr."u8, name.Span, value.Span);
        }
    }

    private void PutOrRecord(TarField field, long value, ReadOnlySpan<byte> key, PaxWriter records)
    {
        if (!Put(field, value))
        {
            records.Add(key, value);
        }
    }

    private bool Put(TarField field, long value) => TarNumber.TryFormatField(value, Room(field));

    private Span<byte> Room(TarField field) => Block.AsSpan(field.Offset, field.Length);

    private void Finish(byte type)
    {
        Block[TarField.Type.Offset] = type;
        "ustar\0"u8.CopyTo(Room(TarField.Magic));
        "00"u8.CopyTo(Room(TarField.Magic)[6..]);
        Room(TarField.Checksum).Fill((byte)' ');
        var sum = 0L;
        foreach (var value in Block)
        {
            sum += value;
        }

        TarNumber.TryFormatField(sum, Room(TarField.Checksum)[..7]); // six digits, a NUL, and the blank that is there
    }

    private static byte TypeOf(TarEntryKind kind) => kind switch
    {
        TarEntryKind.RegularFile => (byte)'0',
        TarEntryKind.HardLink => (byte)'1',
        TarEntryKind.SymbolicLink => (byte)'2',
        TarEntryKind.CharacterDevice => (byte)'3',
        TarEntryKind.BlockDevice => (byte)'4',
        TarEntryKind.Directory => (byte)'5',
        TarEntryKind.Fifo => (byte)'6',
        _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "A member is of no known kind."),
    };
}
