namespace ContainerKit;

/// <summary>
/// The name of an archive's member as a path below a root: its components and nothing else. A leading <c>/</c> says
/// nothing, as with all who unpack archives; <c>..</c> is refused wherever it stands. One object for all names.
/// </summary>
internal sealed class TreePath(TreeLimits limits)
{
    private const int MaxName = 255; // NAME_MAX

    private byte[] _bytes = new byte[4096];
    private int _length, _nameStart;

    /// <summary>The path, without a <c>/</c> at its end; empty when it is the root.</summary>
    public ReadOnlySpan<byte> Whole => _bytes.AsSpan(0, _length);

    /// <summary>The path of the directory that holds it.</summary>
    public ReadOnlySpan<byte> Parent => _bytes.AsSpan(0, Math.Max(0, _nameStart - 1));

    /// <summary>What the directory calls it, with a NUL at its end.</summary>
    public ReadOnlySpan<byte> Name => _bytes.AsSpan(_nameStart, _length + 1 - _nameStart);

    /// <summary>Whether it is the root itself.</summary>
    public bool IsRoot => _length == 0;

    /// <summary>Whether it was written as only a directory's can be: with <c>/</c> or <c>/.</c> at its end.</summary>
    public bool IsWrittenAsDirectory { get; private set; }

    /// <summary>Whether what takes away from lower layers is used as a directory.</summary>
    public bool LeadsThroughWhiteout { get; private set; }

    /// <summary>Takes another name.</summary>
    /// <exception cref="InvalidImageException">It leads up, too deep, or has a part no file can be called.</exception>
    public void Set(ReadOnlySpan<byte> name, TarEntry entry, string field)
    {
        if (_bytes.Length <= name.Length)
        {
            _bytes = new byte[2 * name.Length];
        }

        (_length, _nameStart, LeadsThroughWhiteout) = (0, 0, false);
        IsWrittenAsDirectory = name is [.., (byte)'/'] or [.., (byte)'/', (byte)'.'] or [(byte)'.'] or [];
        var depth = 0;
        for (var rest = name; !rest.IsEmpty;)
        {
            var end = rest.IndexOf((byte)'/');
            var component = end < 0 ? rest : rest[..end];
            rest = end < 0 ? [] : rest[(end + 1)..];
            if (component is not ([] or [(byte)'.']))
            {
                Check(component, ++depth, name, entry, field);
                Append(component);
            }
        }

        _bytes[_length] = 0;
    }

    private void Append(ReadOnlySpan<byte> component)
    {
        if (_length > 0)
        {
            LeadsThroughWhiteout |= Whiteout.IsWhiteout(_bytes.AsSpan(_nameStart, _length - _nameStart));
            _bytes[_length++] = (byte)'/';
        }

        _nameStart = _length;
        component.CopyTo(_bytes.AsSpan(_length));
        _length += component.Length;
    }

    private void Check(
        ReadOnlySpan<byte> component, int depth, ReadOnlySpan<byte> name, TarEntry entry, string field)
    {
        var complaint = component is [(byte)'.', (byte)'.'] ? "A name in the archive leads up."
            : component.Length > MaxName ? $"A part of a name is longer than {MaxName} bytes."
            : depth > limits.MaxDepth ? $"A path has more than {limits.MaxDepth} parts."
            : component.Contains((byte)0) ? "A name holds a NUL."
            : null;
        if (complaint is not null)
        {
            throw new InvalidImageException(complaint, null, entry.Name, field, TarEntry.Printable(name));
        }
    }
}
