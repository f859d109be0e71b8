using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

internal sealed partial class LaunchedProcess
{
    private HeldNamespaces _held;

    /// <summary>
    /// Opens namespaces of the container for others to join, in the order in which they can be; null when it is gone.
    /// </summary>
    public List<JoinedNamespace>? OpenNamespaces(CloneFlags kinds)
    {
        lock (_started)
        {
            if (_control.IsClosed)
            {
                return null;
            }

            try
            {
                using var descriptors = OpenDescriptors();
                return _held.Open(kinds, descriptors);
            }
            catch (LinuxException gone) when (gone.Errno is Errno.ENOENT or Errno.ESRCH || IsEnding())
            {
                return null;
            }
        }
    }

    /// <summary>
    /// Opens them to be joined by one call, by a PID 1 that never makes namespaces of its own; null where it is no init
    /// or may not be looked into, and for namespaces that are joined one after the other.
    /// </summary>
    public JoinedNamespace? OpenTogether(CloneFlags kinds)
    {
        lock (_started)
        {
            return !_control.IsClosed && _pidOne is not null && _plan is { Init: true } && _held.Foreign == 0
                && Syscall.EffectiveUser == 0 // another's capabilities, such as its file's, the launcher may not have
                && Syscall.Has(Capability.CAP_SYS_PTRACE)
                ? new(Syscall.Duplicate(_pidOne, least: 3), kinds)
                : null;
        }
    }

    /// <summary>Whether the supervisor may not be looked into because it is about to be gone.</summary>
    private bool IsEnding() =>
        _launcher is not null && Syscall.IsReady(_launcher, EpollEvents.EPOLLIN, TimeSpan.FromMilliseconds(100));

    /// <summary>The supervisor's directory of descriptors, which is empty once it is gone.</summary>
    private SafeFileHandle OpenDescriptors()
    {
        if (_launcher is not null)
        {
            return ProcessNumbers.OpenFile(_launcher, "fd");
        }

        // .NET reaps it at once, but the number is still its while the channel to it is open.
        var opened = Syscall.Open($"/proc/{SupervisorId}/fd", OpenFlags.O_RDONLY);
        if (!Syscall.IsHungUp(_control))
        {
            return opened;
        }

        opened.Dispose();
        throw new LinuxException("open", Errno.ESRCH);
    }
}
