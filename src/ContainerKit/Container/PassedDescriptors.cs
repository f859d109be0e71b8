using System.Globalization;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>The open files of this process that a program gets beside its standard streams.</summary>
internal static class PassedDescriptors
{
    private const int Most = 100;

    private static readonly string[] Variables = ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"];

    /// <summary>Complains about what cannot be passed, and about what cannot be said of it.</summary>
    public static void Validate(ContainerOptions options)
    {
        var count = options.Descriptors.Count;
        Check(count <= Most, $"Descriptors holds {count} open files; {Most} can be passed.");
        for (var i = 0; i < count; i++)
        {
            Check(IsOpen(options.Descriptors[i]),
                $"Descriptors[{i}] is no open SafeFileHandle, SafeSocketHandle or SafePipeHandle of this process.");
        }

        Check(options.DescriptorNames.Count == 0 || options.SocketActivation,
            "DescriptorNames can only be told to a program with SocketActivation.");
        Check(options.DescriptorNames.Count == 0 || options.DescriptorNames.Count == count,
            $"DescriptorNames has {options.DescriptorNames.Count} names for {count} Descriptors.");
        Check(options.DescriptorNames.All(IsName),
            "Each of DescriptorNames has 1 to 255 printable characters of ASCII, and no colon.");
        Check(!options.SocketActivation || count > 0, "SocketActivation needs Descriptors to announce.");
        Check(!options.SocketActivation || !Variables.Any(options.Environment.ContainsKey),
            "With SocketActivation, LISTEN_FDS, LISTEN_PID and LISTEN_FDNAMES are not the Environment's to set.");
    }

    /// <summary>Adds the steps.</summary>
    public static void AddTo(LaunchPlan plan, ContainerOptions options)
    {
        foreach (var handle in options.Descriptors)
        {
            plan.Pass(handle);
        }
    }

    /// <summary>
    /// Adds the variables that announce them. The program's process id is known: its pid namespace is new, so PID 1 is
    /// the program, or the init whose first child it is.
    /// </summary>
    public static void Announce(List<string> environment, ContainerOptions options)
    {
        environment.Add(string.Create(CultureInfo.InvariantCulture, $"LISTEN_FDS={options.Descriptors.Count}"));
        environment.Add(options.Init ? "LISTEN_PID=2" : "LISTEN_PID=1");
        if (options.DescriptorNames.Count > 0)
        {
            environment.Add($"LISTEN_FDNAMES={string.Join(':', options.DescriptorNames)}");
        }
    }

    private static bool IsOpen(SafeHandle? handle)
    {
        if (handle is not (SafeFileHandle or SafeSocketHandle or SafePipeHandle) || handle.IsInvalid || handle.IsClosed)
        {
            return false;
        }

        try
        {
            Syscall.Status(handle);
            return true;
        }
        catch (LinuxException closed) when (closed.Errno is Errno.EBADF)
        {
            return false;
        }
    }

    private static bool IsName(string? name) =>
        name is { Length: > 0 and <= 255 } && name.All(character => character is >= ' ' and <= '~' and not ':');

    private static void Check(bool holds, string complaint)
    {
        if (!holds)
        {
            throw new ArgumentException(complaint);
        }
    }
}
