using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Calls when a process that is in a group now ends, for each of them.</summary>
internal sealed class MemberEnds : IDisposable
{
    private readonly List<(SafeFileHandle Process, EventLoop.Watch Watch)> _members = [];

    /// <summary>Waits for them from now on.</summary>
    public MemberEnds(CgroupDirectory directory, Action ended)
    {
        try
        {
            foreach (var id in Cgroup.ReadIds(directory, "cgroup.procs"))
            {
                if (id > 0 && Syscall.PidfdOpen(id) is { } process) // 0 is one outside this pid namespace
                {
                    _members.Add((process, default));
                    _members[^1] = (
                        process, EventLoop.Add(process, ended, EpollEvents.EPOLLIN | EpollEvents.EPOLLET));
                }
            }
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _members.ForEach(member =>
    {
        member.Watch.Dispose();
        member.Process.Dispose();
    });
}
