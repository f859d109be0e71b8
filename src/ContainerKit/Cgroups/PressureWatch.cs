using System.Text;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Has the kernel tell when processes of a group waited for too long; psi(7).</summary>
internal sealed class PressureWatch(CgroupDirectory directory, string resource, string trigger) : CgroupWatch
{
    private readonly PressureReader _reader = new(directory, resource);
    private readonly string _file = FileOf(resource);
    private SafeFileHandle? _trigger;
    private bool _isReached;

    /// <summary>The file of a resource.</summary>
    public static string FileOf(string resource) => $"{resource}.pressure";

    /// <summary>The pressure, when they waited for too long since the last time; null when they did not.</summary>
    public PressureStatistics? Take()
    {
        Span<byte> buffer = stackalloc byte[1024];
        lock (Looking)
        {
            if (IsOver)
            {
                return null;
            }

            try
            {
                var found = _reader.Read(buffer);
                return Interlocked.Exchange(ref _isReached, false) ? found : null;
            }
            catch (LinuxException gone) when (Cgroup.IsGone(gone) && !directory.IsThere)
            {
                End();
                return null;
            }
        }
    }

    /// <inheritdoc/>
    protected override void Open()
    {
        try
        {
            _trigger = directory.OpenFile(_file, OpenFlags.O_RDWR);
            Syscall.Write(_trigger, Encoding.ASCII.GetBytes(trigger));
        }
        catch (LinuxException failure) when (Advice(failure.Errno) is { } advice)
        {
            throw new LimitNotSupportedException(
                $"This user's wish '{trigger}' for {directory.Path}/{_file} is refused ({failure.Errno}): {advice}");
        }

        Add(_trigger, EpollEvents.EPOLLPRI, () =>
        {
            Interlocked.Exchange(ref _isReached, true);
            Wake();
        });
    }

    /// <inheritdoc/>
    protected override void Close()
    {
        _trigger?.Dispose();
        _reader.Dispose();
    }

    private static string? Advice(Errno errno) => errno switch
    {
        Errno.EINVAL => "without CAP_SYS_RESOURCE, the window must be a multiple of two seconds.",
        Errno.EPERM or Errno.EACCES =>
            "the group must be delegated to it, and before Linux 6.3 it needs CAP_SYS_RESOURCE.",
        Errno.ENOTSUP => "boot with psi=1.",
        _ => null,
    };
}
