using System.Text;

namespace ContainerKit;

/// <summary>
/// A member of an archive, as its headers give it and nothing else: no name is normalised, no link followed. A reader
/// has one object, which holds until the next member is read.
/// </summary>
internal sealed class TarEntry
{
    /// <summary>What it is.</summary>
    public TarEntryKind Kind { get; set; }

    /// <summary>Its name, bytes without NUL; may be empty, absolute, or lead up.</summary>
    public ReadOnlyMemory<byte> Path { get; set; }

    /// <summary>What a link leads to, bytes without NUL; a hard link's is a name in the archive.</summary>
    public ReadOnlyMemory<byte> LinkTarget { get; set; }

    /// <summary>The permissions, with set-user-ID, set-group-ID and sticky: at most 07777.</summary>
    public uint Mode { get; set; }

    /// <summary>The owner's number.</summary>
    public uint User { get; set; }

    /// <summary>The group's number.</summary>
    public uint Group { get; set; }

    /// <summary>How many bytes the file has once it is unpacked; 0 for what has no content.</summary>
    public long Size { get; set; }

    /// <summary>When it was modified last, in seconds since 1970 and nanoseconds from 0 to 999,999,999.</summary>
    public (long Seconds, uint Nanoseconds) ModifiedAt { get; set; }

    /// <summary>The number of a device.</summary>
    public (uint Major, uint Minor) Device { get; set; }

    /// <summary>Whether it is a device.</summary>
    public bool IsDevice => Kind is TarEntryKind.CharacterDevice or TarEntryKind.BlockDevice;

    /// <summary>Its extended attributes.</summary>
    public List<TarAttribute> Attributes { get; } = [];

    /// <summary>The pieces of a sparse file that the archive holds, in order; empty when it holds all of it.</summary>
    public List<TarExtent> Extents { get; } = [];

    /// <summary>Its name for people: what is not printable ASCII is escaped, and a long one cut.</summary>
    public string Name => Printable(Path.Span);

    /// <summary>Makes it say nothing.</summary>
    public void Clear()
    {
        (Kind, Mode, User, Group, Size) = (TarEntryKind.RegularFile, 0, 0, 0, 0);
        (Path, LinkTarget, ModifiedAt, Device) = (default, default, default, default);
        Attributes.Clear();
        Extents.Clear();
    }

    /// <summary>Bytes for people.</summary>
    public static string Printable(ReadOnlySpan<byte> bytes)
    {
        const int Most = 256;
        var text = new StringBuilder();
        foreach (var value in bytes[..Math.Min(bytes.Length, Most)])
        {
            if (value is >= 0x20 and < 0x7F and not (byte)'\\')
            {
                text.Append((char)value);
            }
            else
            {
                text.Append(null, $"\\x{value:x2}");
            }
        }

        return bytes.Length > Most ? $"{text}… ({bytes.Length} bytes)" : text.ToString();
    }
}

/// <summary>What a member of an archive is.</summary>
internal enum TarEntryKind
{
    RegularFile,
    HardLink,
    SymbolicLink,
    CharacterDevice,
    BlockDevice,
    Directory,
    Fifo,
}

/// <summary>An extended attribute; xattr(7).</summary>
internal readonly record struct TarAttribute(ReadOnlyMemory<byte> Name, ReadOnlyMemory<byte> Value)
{
    /// <summary>Whether two files have the same, in the same order.</summary>
    public static bool AreSame(List<TarAttribute> some, List<TarAttribute> others)
    {
        if (some.Count != others.Count)
        {
            return false;
        }

        for (var i = 0; i < some.Count; i++)
        {
            if (!some[i].Name.Span.SequenceEqual(others[i].Name.Span)
                || !some[i].Value.Span.SequenceEqual(others[i].Value.Span))
            {
                return false;
            }
        }

        return true;
    }
}

/// <summary>A piece of a sparse file.</summary>
internal readonly record struct TarExtent(long Offset, long Length);
