using System.ComponentModel;
using System.Diagnostics;
using System.Globalization;

namespace ContainerKit;

/// <summary>
/// The programs that map for an ordinary user what subuid(5) gives it. They are set-user-ID, so no other path will do.
/// </summary>
internal static class IdMappers
{
    /// <summary>The programs.</summary>
    public const string Users = "/usr/bin/newuidmap", Groups = "/usr/bin/newgidmap";

    /// <summary>What to do where they are missing.</summary>
    public const string HowToInstall =
        "Install it: the package is uidmap in Debian and Ubuntu, shadow-utils in Fedora, shadow-subids in Alpine.";

    /// <summary>Maps ids of the user namespace of a process.</summary>
    /// <exception cref="LaunchException">The program is missing, or refused.</exception>
    public static async Task MapAsync(IdMap map, int processId, IdRanges ranges, CancellationToken cancellationToken)
    {
        var path = ranges.Kind == "groups" ? Groups : Users;
        using var mapper = Start(map, path, [processId.ToString(CultureInfo.InvariantCulture), .. ranges.Arguments]);
        using var errors = mapper.StandardError;
        var complaint = await errors.ReadToEndAsync(cancellationToken).ConfigureAwait(false);
        await mapper.WaitForExitAsync(cancellationToken).ConfigureAwait(false);
        if (mapper.ExitCode != 0)
        {
            throw new LaunchException(
                path, $"{map}", "write", Errno.EPERM,
                $"It said: {complaint.Trim()}. HostReport.ProbeAsync says what newuidmap and newgidmap need.");
        }
    }

    private static Process Start(IdMap map, string path, string[] arguments)
    {
        var start = new ProcessStartInfo(path, arguments) { RedirectStandardError = true, WorkingDirectory = "/" };
        start.Environment.Clear();
        try
        {
            return Process.Start(start)!;
        }
        catch (Win32Exception failure)
        {
            throw new LaunchException(
                path, $"{map}", "execve", (Errno)failure.NativeErrorCode, File.Exists(path) ? null : HowToInstall);
        }
    }
}
