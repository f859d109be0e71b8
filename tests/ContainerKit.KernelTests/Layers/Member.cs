using System.Text;

namespace ContainerKit.KernelTests;

/// <summary>A member of an archive with its content; names are Latin-1, so that they can be any bytes.</summary>
internal sealed record Member(TarEntry Entry, byte[] Content)
{
    /// <summary>The time all members have unless said otherwise.</summary>
    public static readonly (long Seconds, uint Nanoseconds) Time = (1_600_000_000, 123_456_789);

    public static Member File(string path, string content = "", uint mode = 0x1A4) // 0644
    {
        var member = new Member(Make(TarEntryKind.RegularFile, path, mode), Bytes(content));
        member.Entry.Size = content.Length;
        return member;
    }

    public static Member Directory(string path, uint mode = 0x1ED) => // 0755
        new(Make(TarEntryKind.Directory, path, mode), []);

    public static Member Link(string path, string target)
    {
        var member = new Member(Make(TarEntryKind.SymbolicLink, path, 0x1FF), []);
        member.Entry.LinkTarget = Bytes(target);
        return member;
    }

    public static Member HardLink(string path, string target)
    {
        var member = new Member(Make(TarEntryKind.HardLink, path, 0x1A4), []);
        member.Entry.LinkTarget = Bytes(target);
        return member;
    }

    public static Member Device(string path, uint major, uint minor, TarEntryKind kind = TarEntryKind.CharacterDevice)
    {
        var member = new Member(Make(kind, path, 0x1B6), []); // 0666
        member.Entry.Device = (major, minor);
        return member;
    }

    public static Member Fifo(string path, uint mode = 0x1A4) => new(Make(TarEntryKind.Fifo, path, mode), []);

    /// <summary>The member, with an extended attribute.</summary>
    public Member With(string attribute, byte[] value)
    {
        Entry.Attributes.Add(new(Bytes(attribute), value));
        return this;
    }

    /// <summary>The member, of others.</summary>
    public Member Of(uint user, uint group)
    {
        (Entry.User, Entry.Group) = (user, group);
        return this;
    }

    public static byte[] Bytes(string text) => Encoding.Latin1.GetBytes(text);

    private static TarEntry Make(TarEntryKind kind, string path, uint mode) =>
        new() { Kind = kind, Path = Bytes(path), Mode = mode, ModifiedAt = Time };
}
