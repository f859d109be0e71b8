using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// What the launcher wrote of a detached container: the supervisor's number, then a message for each thing that
/// happened. <see cref="LaunchPlan.Detach"/>
/// </summary>
internal readonly record struct DetachedStatus(int Supervisor, bool HasStarted, WaitStatus? Program, WaitStatus? Init)
{
    private const int NumberLength = 16;

    /// <summary>How long the file is from the beginning.</summary>
    public const int Length = 64;

    /// <summary>How the program ended; null when nobody said.</summary>
    public WaitStatus? End => Program ?? Init;

    /// <summary>What an open file holds.</summary>
    public static DetachedStatus Read(SafeFileHandle file)
    {
        Span<byte> bytes = stackalloc byte[Length];
        return Parse(bytes[..RandomAccess.Read(file, bytes, 0)]);
    }

    /// <summary>What a file holds, as far as it makes sense.</summary>
    public static DetachedStatus Parse(ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length < Length
            || !int.TryParse(Encoding.ASCII.GetString(bytes[..NumberLength]), NumberStyles.AllowTrailingWhite,
                CultureInfo.InvariantCulture, out var supervisor))
        {
            return default;
        }

        var status = new DetachedStatus(supervisor, false, null, null);
        foreach (var message in MemoryMarshal.Cast<byte, Message>(bytes[NumberLength..Length]))
        {
            status = message.Kind switch
            {
                MessageKind.Started => status with { HasStarted = true },
                MessageKind.ProgramExited => status with { Program = new(message.Status) },
                MessageKind.InitExited => status with { Init = new(message.Status) },
                _ => status,
            };
        }

        return status;
    }
}
