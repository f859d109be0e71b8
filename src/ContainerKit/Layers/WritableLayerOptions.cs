namespace ContainerKit;

/// <summary>What a writable layer is; a value to keep, share and vary with <c>with</c>.</summary>
public sealed record WritableLayerOptions
{
    private const int Most = 128;

    /// <summary>
    /// The name by which later processes open it: up to 128 letters, digits, '_', '.', '+' and '-' of ASCII, the first
    /// a letter or digit. Without one, which is the default, it goes with the process that made it and the container
    /// on it.
    /// </summary>
    public string? Id { get; init; }

    /// <summary>
    /// How much it may hold, 16 MiB to 16 TiB; the disk's own limit unless said otherwise, and for a fork that of its
    /// original. It is the size of an ext4 file system, which keeps some of it for itself; at its end a program gets
    /// ENOSPC. On the disk it takes what was written, less than 1 MB at first. Only root can have one.
    /// </summary>
    public ByteSize? SizeLimit { get; init; }

    /// <summary>Complains about what is no option.</summary>
    internal void Validate()
    {
        if (Id is not null && !IsId(Id))
        {
            throw new ArgumentException(
                $"'{Id}' is no id of a writable layer: it takes up to 128 letters, digits, '_', '.', '+' and '-'.");
        }

        if (SizeLimit is { } limit && (limit.Bytes < Ext4Layout.Least.Bytes || limit.Bytes > Ext4Layout.Most.Bytes))
        {
            throw new ArgumentException(
                $"The limit of a writable layer is {Ext4Layout.Least} at the least and {Ext4Layout.Most} at the most, "
                    + $"not {limit}.");
        }
    }

    /// <summary>Whether a name is an id.</summary>
    internal static bool IsId(string name) =>
        name.Length is > 0 and <= Most && char.IsAsciiLetterOrDigit(name[0])
        && name.All(character => char.IsAsciiLetterOrDigit(character) || character is '_' or '.' or '+' or '-');
}
