using ContainerKit.Launch;

namespace ContainerKit;

public sealed partial class Container
{
    private readonly ContainerGroup? _group;
    private bool _isPaused;

    /// <summary>
    /// Stops all processes of the container where they are, and completes when they are stopped; pausing again is
    /// harmless. Nothing can be executed in it until <see cref="ResumeAsync"/>, and signals wait; disposing kills it
    /// all the same. With cgroups of version 1, a container that is paused when this process is killed stays as it is,
    /// and what was executed in it ends only once it goes on.
    /// </summary>
    /// <exception cref="LimitNotSupportedException">The container has no cgroup: there are no
    /// <see cref="ContainerOptions.Limits"/>, nor a <see cref="ContainerHostOptions.CgroupParent"/>.</exception>
    /// <exception cref="LaunchException">The container has ended.</exception>
    /// <exception cref="LinuxException">ETIMEDOUT: a process did not stop in five seconds; none is stopped
    /// now.</exception>
    public async Task PauseAsync(CancellationToken cancellationToken = default)
    {
        var group = _group ?? throw ContainerGroup.Missing();
        if (!IsRunning)
        {
            throw LaunchFailure.ContainerGone();
        }

        await _mounting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await group.FreezeAsync(cancellationToken).ConfigureAwait(false);
            if (!IsRunning)
            {
                group.Thaw();
                throw LaunchFailure.ContainerGone();
            }

            TellIfChanged(isPaused: true);
        }
        finally
        {
            _mounting.Release();
        }
    }

    /// <summary>Lets the processes of the container go on; harmless when it is not paused, or has ended.</summary>
    /// <exception cref="LimitNotSupportedException">As <see cref="PauseAsync"/>.</exception>
    /// <exception cref="LinuxException">ETIMEDOUT: a cgroup above the container's is frozen.</exception>
    public async Task ResumeAsync(CancellationToken cancellationToken = default)
    {
        var group = _group ?? throw ContainerGroup.Missing();
        if (!IsRunning)
        {
            return;
        }

        await _mounting.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await group.ThawAsync(cancellationToken).ConfigureAwait(false);
            TellIfChanged(isPaused: false);
        }
        finally
        {
            _mounting.Release();
        }
    }

    /// <inheritdoc/>
    internal override void Kill()
    {
        base.Kill();
        if (IsRunning)
        {
            _group?.LetGo();
        }
    }

    private void TellIfChanged(bool isPaused)
    {
        if (_isPaused != isPaused)
        {
            _isPaused = isPaused;
            _host.Events?.Tell(isPaused ? ContainerEventKind.Paused : ContainerEventKind.Resumed, Pid);
        }
    }
}
