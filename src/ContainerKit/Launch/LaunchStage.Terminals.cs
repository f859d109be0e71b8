using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchStage
{
    /// <summary>openat(2) of a new pseudoterminal's master, whose descriptor is kept at an address; pts(4).</summary>
    public Descriptor OpenMaster(Descriptor pseudoterminals, long address)
    {
        Open(pseudoterminals, "ptmx", OpenFlags.O_RDWR | OpenFlags.O_NOCTTY);
        return KeepResultAt(address);
    }

    /// <summary>ioctl(2): the slave may be opened from now on.</summary>
    public void Unlock(Descriptor master) => Request(master, TerminalRequest.TIOCSPTLCK, Data.Add(0L));

    /// <summary>ioctl(2): how much the terminal shows.</summary>
    public void SetSize(Descriptor master, WindowSize size) =>
        Request(master, TerminalRequest.TIOCSWINSZ, Data.Add(size));

    /// <summary>ioctl(2) that opens the slave, whatever lies where its name leads to.</summary>
    public Descriptor OpenSlave(Descriptor master)
    {
        const OpenFlags flags = OpenFlags.O_RDWR | OpenFlags.O_NOCTTY | OpenFlags.O_CLOEXEC;
        Request(master, TerminalRequest.TIOCGPTPEER, (long)flags);
        return Keep(ref Last);
    }

    /// <summary>ioctl(2): the terminal is that of this session, which has none yet.</summary>
    public void Control(Descriptor slave) => Request(slave, TerminalRequest.TIOCSCTTY, 0);

    private void Request(Descriptor terminal, TerminalRequest request, long argument) =>
        Add(Call.terminal, terminal, (long)request, argument);
}
