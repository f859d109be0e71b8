namespace ContainerKit;

/// <summary>How a writable layer lies over its layers.</summary>
public enum WritableForm
{
    /// <summary>The kernel shows them as one: it costs nothing until something is changed.</summary>
    Overlay,

    /// <summary>
    /// It is a copy of them, which file systems that can share what files hold do not pay for twice. What changed is
    /// found by comparing all files.
    /// </summary>
    Copy,
}
