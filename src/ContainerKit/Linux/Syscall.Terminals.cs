using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

internal static unsafe partial class Syscall
{
    /// <summary>Sets a terminal's size, and tells the programs in its foreground with SIGWINCH; ioctl_tty(2).</summary>
    public static void SetWindowSize(SafeFileHandle terminal, WindowSize size) =>
        Check(Ioctl(terminal, (nuint)TerminalRequest.TIOCSWINSZ, &size), "ioctl");

    /// <summary>
    /// Reads what was written to the terminal whose master this is; null when there is nothing yet, 0 when there is
    /// nothing and no process has it open. read(2).
    /// </summary>
    public static int? ReadMaster(SafeFileHandle master, Span<byte> buffer)
    {
        fixed (byte* start = buffer)
        {
            var count = Read(master, start, (nuint)buffer.Length);
            if (count < 0 && LastError is Errno.EIO)
            {
                // The kernel looks for data first: what was written and closed between its two looks is there now.
                count = Read(master, start, (nuint)buffer.Length);
            }

            return count >= 0 ? (int)count : LastError switch
            {
                Errno.EAGAIN => null,
                Errno.EIO => 0,
                _ => throw Failed("read"),
            };
        }
    }

    [LibraryImport("libc", EntryPoint = "ioctl", SetLastError = true)]
    private static partial int Ioctl(SafeFileHandle file, nuint request, void* argument);
}

/// <summary>How many characters a terminal shows; struct winsize.</summary>
internal readonly struct WindowSize(ushort rows, ushort columns)
{
    public readonly ushort Rows = rows, Columns = columns, Width = 0, Height = 0;
}

/// <summary>What is asked of a terminal; ioctl_tty(2).</summary>
internal enum TerminalRequest : uint
{
    TIOCSCTTY = 0x540E,
    TIOCSTI = 0x5412,
    TIOCSWINSZ = 0x5414,
    TIOCLINUX = 0x541C,
    TIOCGPTPEER = 0x5441,
    TIOCSPTLCK = 0x40045431,
}
