namespace ContainerKit;

/// <summary>
/// What a directory is given at the end: what is made in it meanwhile changes its time, and needs its permissions.
/// </summary>
internal readonly record struct PendingDirectory(
    ReadOnlyMemory<byte> Path, int Order, uint Mode, uint User, uint Group, (long Seconds, uint Nanoseconds) ModifiedAt)
    : IComparable<PendingDirectory>
{
    /// <summary>Its extended attributes.</summary>
    public TarAttribute[] Attributes { get; init; } = [];

    /// <summary>Whether it may have attributes that it is not to have.</summary>
    public bool HadOthers { get; init; }

    /// <summary>Whether it was only opened up, and gets nothing but its permissions back.</summary>
    public bool OnlyMode { get; init; }

    /// <summary>Whether it was only made something in, and gets nothing but its time back.</summary>
    public bool OnlyTime { get; init; }

    /// <summary>Whether it was made since something lies in it, and may be another in the layers below.</summary>
    public bool IsImplied { get; init; }

    /// <summary>Whether the layer says nothing of it.</summary>
    public bool IsRestored => OnlyMode || OnlyTime;

    /// <summary>Parents first, and what came last of one directory last.</summary>
    public int CompareTo(PendingDirectory other) => Path.Span.SequenceCompareTo(other.Path.Span) switch
    {
        0 => Order.CompareTo(other.Order),
        var order => order,
    };
}
