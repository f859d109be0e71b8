using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>A launcher that has just been started, and the host's ends of its two channels.</summary>
/// <param name="Control">What happens to the container is told here, and its signals are asked for.</param>
/// <param name="Setup">A step that failed is told here; its end says that exec happened.</param>
/// <param name="Process">Null when .NET reaped it at once, as it does with all children of a host that is PID
/// 1.</param>
/// <param name="ProcessId">Its process id.</param>
internal readonly record struct SpawnedLauncher(
    SafeFileHandle Control, SafeFileHandle Setup, SafeFileHandle? Process, int ProcessId)
{
    private const string Self = "/proc/self";

    /// <summary>
    /// This process's directory by its number, which is known to the kernel; a child's own would be made first.
    /// </summary>
    private static volatile string _ownDirectory = $"/proc/{new FileInfo(Self).LinkTarget ?? "self"}";

    /// <summary>
    /// Starts it on a plan, whose second part may come later, with further descriptors that the plan calls by the
    /// numbers from 7.
    /// </summary>
    public static SpawnedLauncher Start(
        Launcher launcher, ReadOnlySpan<byte> first, ReadOnlySpan<byte> second, ReadOnlySpan<SafeFileHandle> standard,
        ReadOnlySpan<SafeHandle> others)
    {
        var kit = LauncherKit.Take(launcher);
        var inherited = new SafeFileHandle?[4 + others.Length];
        var least = Syscall.LeastSafeNumber(inherited.Length);
        try
        {
            inherited[0] = Safe(kit.FarSetup, least);
            inherited[1] = Safe(kit.FarControl, least);
            inherited[2] = Safe(kit.First, least);
            inherited[3] = Safe(kit.Second, least);
            SendPart(kit.Setup, first);
            if (!second.IsEmpty)
            {
                SendPart(kit.Setup, second);
            }

            for (var i = 0; i < others.Length; i++)
            {
                inherited[4 + i] = Syscall.Duplicate(others[i], least);
            }

            var process = Spawn(Safe(kit.Program, least), standard, inherited!, out var id);
            return new(kit.Control, kit.Setup, process, id);
        }
        catch
        {
            kit.Dispose();
            throw;
        }
        finally
        {
            kit.DisposeFar();
            foreach (var copy in inherited)
            {
                copy?.Dispose();
            }

            LauncherKit.Prepare(launcher);
        }
    }

    /// <summary>Closes the channels, which ends a launcher that waits at one, and waits until it is gone.</summary>
    public void End()
    {
        Control.Dispose();
        Setup.Dispose();
        if (Process is not null)
        {
            Syscall.Reap(Process);
            Process.Dispose();
        }
    }

    private static void SendPart(SafeFileHandle setup, ReadOnlySpan<byte> part)
    {
        try
        {
            if (PartMessage.Send(setup, part))
            {
                return;
            }
        }
        catch (LinuxException full) when (full.Errno is Errno.EAGAIN or Errno.ENOBUFS)
        {
            // the same
        }

        throw LaunchFailure.NoRoomForPlan();
    }

    /// <summary>
    /// A descriptor that another's new number cannot hide; the argument is disposed if it was copied.
    /// </summary>
    private static SafeFileHandle Safe(SafeFileHandle handle, int least)
    {
        if (handle.DangerousGetHandle() >= least)
        {
            return handle;
        }

        using (handle)
        {
            return Syscall.Duplicate(handle, least);
        }
    }

    private static SafeFileHandle? Spawn(
        SafeFileHandle program, ReadOnlySpan<SafeFileHandle> standard, ReadOnlySpan<SafeFileHandle> inherited,
        out int processId)
    {
        using (program)
        {
            var directory = _ownDirectory;
            try
            {
                processId = SpawnFrom(directory, program, standard, inherited);
            }
            catch (LinuxException) when (directory != Self)
            {
                // Others, such as its children, may not look into a process that was another user.
                processId = SpawnFrom(Self, program, standard, inherited);
                _ownDirectory = Self;
            }
        }

        try
        {
            return Syscall.PidfdOpen(processId);
        }
        catch
        {
            Syscall.KillAndReap(processId);
            throw;
        }
    }

    private static int SpawnFrom(
        string directory, SafeFileHandle program, ReadOnlySpan<SafeFileHandle> standard,
        ReadOnlySpan<SafeFileHandle> inherited) =>
        Syscall.Spawn($"{directory}/fd/{program.DangerousGetHandle()}", ["containerkit"], standard, inherited);
}
