namespace ContainerKit;

/// <summary>What a directory holds that layers are written to.</summary>
internal enum TreeForm
{
    /// <summary>
    /// A root filesystem: layers go into it one after the other, and take away what they say is gone.
    /// </summary>
    Plain,

    /// <summary>
    /// One layer by itself, as overlayfs wants it: what is gone below is a device 0:0, or a directory that is opaque.
    /// </summary>
    Overlay,
}
