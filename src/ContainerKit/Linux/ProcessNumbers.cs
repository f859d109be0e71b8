using System.Globalization;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Linux;

/// <summary>Process ids, as this process's pid namespace numbers them; proc(5).</summary>
internal static class ProcessNumbers
{
    /// <summary>
    /// Which process a descriptor stands for; below 1 once it was reaped, or when it cannot be seen from here.
    /// </summary>
    public static int Of(SafeFileHandle pidfd) =>
        Field($"/proc/self/fdinfo/{pidfd.DangerousGetHandle()}", "Pid:") ?? -1;

    /// <summary>Whether a process has not ended; pidfd_open(2).</summary>
    public static bool IsRunning(SafeFileHandle pidfd) => !Syscall.IsReady(pidfd, EpollEvents.EPOLLIN, TimeSpan.Zero);

    /// <summary>
    /// Opens a file of /proc of the process that a descriptor stands for, and of no other that has its number; proc(5).
    /// </summary>
    public static SafeFileHandle OpenFile(SafeFileHandle pidfd, string name)
    {
        var file = Syscall.Open($"/proc/{RunningOf(pidfd, name)}/{name}", OpenFlags.O_RDONLY);
        try
        {
            RunningOf(pidfd, name); // which it had all the time, when it has it still
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    private static int RunningOf(SafeFileHandle pidfd, string name) =>
        Of(pidfd) is > 0 and var number ? number : throw new LinuxException("open", Errno.ESRCH, $"/proc/PID/{name}");

    /// <summary>The first child of a process that lives; null when it has none, or this kernel does not tell.</summary>
    public static int? FirstChild(int processId)
    {
        try
        {
            var children = Syscall.ReadText($"/proc/{processId}/task/{processId}/children").Split(' ');
            return int.TryParse(children[0], CultureInfo.InvariantCulture, out var first) ? first : null;
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return null;
        }
    }

    /// <summary>The process that a thread is of; null when it is gone, or cannot be seen.</summary>
    public static int? ProcessOf(int threadId)
    {
        try
        {
            return Field($"/proc/{threadId}/status", "Tgid:");
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return null;
        }
    }

    /// <summary>Whether a process is a thread of the kernel; no when it is gone.</summary>
    public static bool IsOfKernel(int processId)
    {
        const uint kernelThread = 0x00200000; // the kernel's own PF_KTHREAD, which no header for programs has
        const int flags = 6;
        try
        {
            var stat = Syscall.ReadText($"/proc/{processId}/stat");
            var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' '); // its name may have spaces
            return (uint.Parse(fields[flags], CultureInfo.InvariantCulture) & kernelThread) != 0;
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT or Errno.ESRCH)
        {
            return false;
        }
    }

    private static int? Field(string path, string name)
    {
        foreach (var line in Syscall.ReadText(path).Split('\n'))
        {
            if (line.StartsWith(name, StringComparison.Ordinal))
            {
                return int.Parse(line.AsSpan(name.Length).Trim(), CultureInfo.InvariantCulture);
            }
        }

        return null;
    }
}
