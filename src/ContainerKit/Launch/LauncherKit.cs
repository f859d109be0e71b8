using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// What a launcher is started with: its program, and both ends of its two channels. For one from memory the next are
/// made while one runs that has just begun, so that a start need not wait for them: five descriptors stay open.
/// </summary>
/// <param name="Program">The launcher's program.</param>
/// <param name="Control">The host's end of the channel that the supervisor keeps.</param>
/// <param name="FarControl">The launcher's.</param>
/// <param name="Setup">The host's end of the channel that ends with exec.</param>
/// <param name="FarSetup">The launcher's.</param>
internal sealed record LauncherKit(
    SafeFileHandle Program, SafeFileHandle Control, SafeFileHandle FarControl, SafeFileHandle Setup,
    SafeFileHandle FarSetup) : IDisposable
{
    private static LauncherKit? _next;

    /// <summary>One for a start of its own.</summary>
    public static LauncherKit Take(Launcher launcher) =>
        (launcher == Launcher.Memory ? Interlocked.Exchange(ref _next, null) : null) ?? Make(launcher);

    /// <summary>Makes the next start's, unless it is there.</summary>
    public static void Prepare(Launcher launcher)
    {
        if (launcher != Launcher.Memory || _next is not null)
        {
            return;
        }

        try
        {
            Interlocked.Exchange(ref _next, Make(launcher))?.Dispose();
        }
        // whatever it is, this start goes on; the next makes its own, and says what is wrong if that concerns it
#pragma warning disable CA1031
        catch (Exception)
#pragma warning restore CA1031
        {
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        DisposeFar();
        Control.Dispose();
        Setup.Dispose();
    }

    /// <summary>Closes what the launcher has its own copies of.</summary>
    public void DisposeFar()
    {
        Program.Dispose();
        FarControl.Dispose();
        FarSetup.Dispose();
    }

    private static LauncherKit Make(Launcher launcher)
    {
        List<SafeFileHandle> made = [launcher.Open()];
        try
        {
            for (var channel = 0; channel < 2; channel++)
            {
                var (near, far) = Syscall.SocketPair();
                made.AddRange(near, far);
            }

            return new(made[0], made[1], made[2], made[3], made[4]);
        }
        catch
        {
            made.ForEach(handle => handle.Dispose());
            throw;
        }
    }
}
