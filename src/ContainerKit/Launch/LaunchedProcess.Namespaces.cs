using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

internal sealed partial class LaunchedProcess
{
    /// <summary>
    /// A descriptor of a process whose namespaces are the container's, for others to join; null when it is gone. An
    /// ordinary user may not look into an init, which is not dumpable, and takes the program.
    /// </summary>
    public SafeFileHandle? OpenJoinable()
    {
        lock (_started)
        {
            if (_control.IsClosed || _pidOne is null)
            {
                return null;
            }

            return Syscall.Has(Capability.CAP_SYS_PTRACE) || ProcessNumbers.Of(_pidOne) == ProgramId
                ? Syscall.Duplicate(_pidOne, 0)
                : ProcessNumbers.OpenChild(ProgramId, ProcessNumbers.Of(_pidOne));
        }
    }

    /// <summary>The same, with its mount namespace; null when it is gone.</summary>
    public (SafeFileHandle Process, SafeFileHandle Mounts)? OpenMounts()
    {
        if (OpenJoinable() is not { } process)
        {
            return null;
        }

        try
        {
            return (process, ProcessNumbers.OpenFile(process, "ns/mnt"));
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            process.Dispose();
            return null;
        }
        catch
        {
            process.Dispose();
            throw;
        }
    }
}
