using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// What a launcher is started with: its program, both ends of its two channels, and a pair for itself. For one from
/// memory the next are made while one runs that has just begun, so that a start need not wait for them: seven
/// descriptors stay open.
/// </summary>
/// <param name="Program">The launcher's program.</param>
/// <param name="Control">The host's end of the channel that the supervisor keeps.</param>
/// <param name="FarControl">The launcher's.</param>
/// <param name="Setup">The host's end of the channel that ends with exec.</param>
/// <param name="FarSetup">The launcher's.</param>
/// <param name="First">What the launcher and its child wait for one another by: the launcher's end.</param>
/// <param name="Second">The child's.</param>
internal sealed record LauncherKit(
    SafeFileHandle Program, SafeFileHandle Control, SafeFileHandle FarControl, SafeFileHandle Setup,
    SafeFileHandle FarSetup, SafeFileHandle First, SafeFileHandle Second) : IDisposable
{
    private static readonly MadeAhead<LauncherKit> Next = new(() => Make(Launcher.Memory));

    /// <summary>One for a start of its own.</summary>
    public static LauncherKit Take(Launcher launcher) =>
        (launcher == Launcher.Memory ? Next.Take() : null) ?? Make(launcher);

    /// <summary>Makes the next start's, unless it is there.</summary>
    public static void Prepare(Launcher launcher)
    {
        if (launcher == Launcher.Memory)
        {
            Next.Prepare();
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
        First.Dispose();
        Second.Dispose();
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

            var (first, second) = Syscall.SocketPair(SocketKind.SOCK_STREAM);
            return new(made[0], made[1], made[2], made[3], made[4], first, second);
        }
        catch
        {
            made.ForEach(handle => handle.Dispose());
            throw;
        }
    }
}
