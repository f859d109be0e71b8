namespace ContainerKit;

/// <summary>What a program can reach only of what is as restricted as itself; landlock(7).</summary>
[Flags]
public enum LandlockScopes
{
    /// <summary>Nothing is kept in.</summary>
    None = 0,

    /// <summary>It connects to no abstract socket of others.</summary>
    AbstractSockets = 1 << 0,

    /// <summary>It sends no signal to others.</summary>
    Signals = 1 << 1,
}
