using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// The runtime's own threads in a group: those of the pool, of timers and of sockets serve the whole process, and are
/// born into the group of whoever needs one first.
/// </summary>
internal sealed class RuntimeThreads(CgroupDirectory directory)
{
    private const int LongestList = 16 << 10;

    private byte[] _seen = [];

    /// <summary>
    /// Puts them back to where this process is; yes when there are others than at the last time, of which some may not
    /// have their names yet.
    /// </summary>
    public bool Return()
    {
        Span<byte> buffer = stackalloc byte[LongestList];
        try
        {
            var list = Read(buffer);
            if (list.SequenceEqual(_seen))
            {
                return false;
            }

            _seen = list.ToArray();
            var text = new CgroupText(list);
            while (text.Next(out var id))
            {
                Return(CgroupText.Number(id));
            }

            return true;
        }
        catch (Exception failure) when (failure is LinuxException or ObjectDisposedException)
        {
            return false; // the group or a thread is gone, or this user was let out of the group it came from
        }
    }

    // Opened each time: version 1 shows who has it open the same list for a second.
    private ReadOnlySpan<byte> Read(Span<byte> buffer)
    {
        using var opened = directory.OpenFile(directory.Threads, OpenFlags.O_RDONLY);
        return buffer[..Syscall.ReadAt(opened, buffer, 0)];
    }

    private static void Return(long thread)
    {
        var path = FormattableString.Invariant($"/proc/self/task/{thread}");
        if (Directory.Exists(path) // not of another process
            && Syscall.ReadText($"{path}/comm").StartsWith(".NET ", StringComparison.Ordinal))
        {
            Cgroup.MoveHome(FormattableString.Invariant($"{thread}"));
        }
    }
}
