namespace ContainerKit;

/// <summary>What became of a detached container.</summary>
public enum ContainerState
{
    /// <summary>A host is starting it.</summary>
    Starting,

    /// <summary>Its program runs.</summary>
    Running,

    /// <summary>Its program ended, and how is known.</summary>
    Exited,

    /// <summary>Its supervisor was killed from outside, so that nobody knows how its program ended.</summary>
    Lost,

    /// <summary>What is written of it cannot be read: by a newer version, or damaged.</summary>
    Unreadable,
}
