namespace ContainerKit;

/// <summary>What kind a device is of; each counts its numbers by itself.</summary>
public enum DeviceKind
{
    /// <summary>Either kind.</summary>
    Any = 0,

    /// <summary>A device of blocks, such as a disk.</summary>
    Block = 1,

    /// <summary>A device of characters, such as a terminal.</summary>
    Character = 2,
}
