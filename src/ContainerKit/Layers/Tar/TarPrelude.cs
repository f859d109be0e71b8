namespace ContainerKit;

/// <summary>
/// The headers that come before a member and are about it: global PAX headers, then at most one of each of GNU's for a
/// long name and a long link, then at most one PAX header. Implementations that met them in another order, or twice,
/// have disagreed about which member they are about, or where it begins.
/// </summary>
internal sealed class TarPrelude(TarLimits limits)
{
    private readonly PaxHeader _global = new(limits);
    private byte[] _buffer = new byte[4096];
    private int _used;
    private ReadOnlyMemory<byte>? _records;

    /// <summary>What GNU's header says the name is.</summary>
    public ReadOnlyMemory<byte>? LongPath { get; private set; }

    /// <summary>What GNU's header says the link leads to.</summary>
    public ReadOnlyMemory<byte>? LongLinkTarget { get; private set; }

    /// <summary>What the PAX headers say, once they are resolved.</summary>
    public PaxHeader Records { get; } = new(limits);

    /// <summary>Who a member belongs to, and when it was changed, unless it says so itself.</summary>
    public PaxHeader Global => _global;

    /// <summary>Whether a header of this type is one of these, and no member.</summary>
    public static bool Takes(byte type) => type is (byte)'g' or (byte)'x' or (byte)'L' or (byte)'K';

    /// <summary>Forgets what was about the last member.</summary>
    public void Clear()
    {
        (LongPath, LongLinkTarget, _records, _used) = (null, null, null, 0);
        Records.Clear();
    }

    /// <summary>Room for what comes with a header, which holds until <see cref="Clear"/>.</summary>
    public Memory<byte> Reserve(byte type, long length, TarEntry entry)
    {
        var most = type is (byte)'L' or (byte)'K' ? limits.MaxPathLength + 1 : limits.MaxPaxBytes;
        if (length < 0 || length > most)
        {
            throw entry.Invalid($"An extended header is longer than {most} bytes.", "size", length);
        }

        if (length > _buffer.Length - _used)
        {
            (_buffer, _used) = (new byte[Math.Max((int)length, _buffer.Length)], 0); // what was read keeps the old one
        }

        _used += (int)length;
        return _buffer.AsMemory(_used - (int)length, (int)length);
    }

    /// <summary>Takes what came with a header.</summary>
    public void Add(byte type, ReadOnlyMemory<byte> body, TarEntry entry)
    {
        var isInOrder = type switch
        {
            (byte)'g' => LongPath is null && LongLinkTarget is null && _records is null,
            (byte)'L' => LongPath is null && _records is null,
            (byte)'K' => LongLinkTarget is null && _records is null,
            _ => _records is null,
        };
        if (!isInOrder)
        {
            throw entry.Invalid("An extended header comes twice, or after one that must be last.", "typeflag", [type]);
        }

        switch (type)
        {
            case (byte)'g':
                _global.ReadGlobal(body, entry);
                break;
            case (byte)'L':
                LongPath = Name(body, entry);
                break;
            case (byte)'K':
                LongLinkTarget = Name(body, entry);
                break;
            default:
                _records = body;
                break;
        }
    }

    /// <summary>Reads the records, now that the member they are about has a name to complain with.</summary>
    public void Resolve(TarEntry entry)
    {
        entry.Path = LongPath ?? entry.Path;
        if (_records is { } records)
        {
            Records.Read(records, entry);
        }
    }

    /// <summary>Refuses headers that are about no member.</summary>
    public void RefuseEnd(TarEntry entry)
    {
        if (LongPath is not null || LongLinkTarget is not null || _records is not null)
        {
            throw entry.Invalid(
                "The archive ends after an extended header, before its member.", "typeflag", [(byte)'x']);
        }
    }

    // Most stop at the first NUL, some take only the last one off, and without one GNU tar reads on beyond the size.
    private static ReadOnlyMemory<byte> Name(ReadOnlyMemory<byte> body, TarEntry entry)
    {
        var name = body.TrimEnd((byte)0);
        return !name.IsEmpty && name.Length < body.Length && !name.Span.Contains((byte)0)
            ? name
            : throw entry.Invalid("A long name is empty, has a NUL in it, or none at its end.", "name", body.Span);
    }
}
