namespace ContainerKit;

/// <summary>Whose a file becomes, and what it loses by that and is given again.</summary>
internal readonly record struct PendingOwner(ReadOnlyMemory<byte> Path, uint User, uint Group)
{
    /// <summary>The permissions of a regular file with set-user-ID or set-group-ID; null of any other.</summary>
    public uint? Mode { get; init; }

    /// <summary>The capabilities of a regular file; capabilities(7).</summary>
    public ReadOnlyMemory<byte> Capabilities { get; init; }

    /// <summary>Whether its owners are not all there is to change.</summary>
    public bool HasMore => Mode is not null || !Capabilities.IsEmpty;
}
