namespace ContainerKit.Launch;

/// <summary>How a process ended, as wait4(2) writes it.</summary>
internal sealed record WaitStatus(int Value)
{
    /// <summary>The signal that killed it; 0 when it exited.</summary>
    public Signal Signal => (Signal)(Value & 0x7f);

    /// <summary>The code it exited with.</summary>
    public int ExitCode => (Value >> 8) & 0xff;
}
