namespace ContainerKit;

/// <summary>What may be done with a device.</summary>
[Flags]
public enum DeviceAccess
{
    /// <summary>Nothing.</summary>
    None = 0,

    /// <summary>A file of it is made; mknod(2).</summary>
    MakeNode = 1,

    /// <summary>It is opened to be read.</summary>
    Read = 2,

    /// <summary>It is opened to be written to.</summary>
    Write = 4,

    /// <summary>Each of them.</summary>
    All = MakeNode | Read | Write,
}
