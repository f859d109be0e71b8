using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// A process that kills what is left when the supervisor is gone, however it went: without a pid namespace the
/// program's children outlive the program.
/// </summary>
internal sealed partial class LaunchPlan
{
    private SafeFileHandle? _guarded;
    private int _guardFork, _afterGuard;

    /// <summary>Has one write 1 to a file, such as cgroup.kill, once the supervisor has ended.</summary>
    public void GuardBy(SafeFileHandle kill) => _guarded = kill;

    /// <summary>
    /// Its parent is the launcher, which goes on, and waits for no such child: else it could take its end for the
    /// program's.
    /// </summary>
    private void AddGuard()
    {
        if (_guarded is null)
        {
            return;
        }

        var supervisor = Sync.OpenSelf();
        Sync.ForkUntold();
        _guardFork = Sync.Count - 1;
        Sync.Duplicate(supervisor, 0);
        Sync.Duplicate(Inherit(_guarded), 1);
        Sync.CloseFrom(2);
        Sync.WaitFor(0);
        Sync.Write(Descriptor.Number(1), Sync.Data.Add("1"u8), 1);
        Sync.Exit();
        _afterGuard = Sync.Count;
    }

    /// <summary>The launcher goes on after the guard's steps.</summary>
    private void JoinGuard(int sync)
    {
        if (_guarded is not null)
        {
            Sync[_guardFork].Fork = sync + _afterGuard;
        }
    }
}
