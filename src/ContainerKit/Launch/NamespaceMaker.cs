using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// A process of the launcher that makes itself a user namespace and waits in there, while somebody maps its ids and
/// opens it. Disposing ends the process; an open descriptor keeps the namespace.
/// </summary>
internal sealed class NamespaceMaker : IDisposable
{
    private readonly LaunchPlan _plan;
    private readonly SpawnedLauncher _launcher;
    private readonly TaskCompletionSource _made = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EventLoop.Watch _watch;

    private NamespaceMaker(LaunchPlan plan, SpawnedLauncher launcher) => (_plan, _launcher) = (plan, launcher);

    /// <summary>Its process id.</summary>
    public int ProcessId => _launcher.ProcessId;

    /// <summary>Completes when there is a namespace, or fails with the step that failed.</summary>
    public Task Made => _made.Task;

    /// <summary>Starts it, because of a part of somebody's options.</summary>
    public static NamespaceMaker Start(Launcher launcher, object cause)
    {
        var plan = LaunchPlan.MakingUserNamespace(cause);
        try
        {
            plan.Encode(RuntimeInformation.ProcessArchitecture);
            using var nothing = Syscall.Open("/dev/null", OpenFlags.O_RDWR);
            var spawned = SpawnedLauncher.Start(launcher, plan.FirstPart, [], [nothing, nothing, nothing], []);
            return new NamespaceMaker(plan, spawned).Watched();
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>A descriptor of the namespace.</summary>
    public SafeFileHandle Open() => Syscall.Open($"/proc/{ProcessId}/ns/user", OpenFlags.O_RDONLY);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_made)
        {
            End();
        }

        _plan.Dispose();
    }

    private NamespaceMaker Watched()
    {
        try
        {
            lock (_made)
            {
                _watch = EventLoop.Add(_launcher.Setup, OnMessage);
                return this;
            }
        }
        catch
        {
            End();
            throw;
        }
    }

    private void End()
    {
        _watch.Dispose();
        _launcher.End();
    }

    private void OnMessage()
    {
        lock (_made)
        {
            Span<byte> bytes = stackalloc byte[16];
            if (_launcher.Setup.IsClosed || Syscall.Receive(_launcher.Setup, bytes, out _, out _) is not { } length)
            {
                return;
            }

            _watch.Dispose();
            if (length == 1)
            {
                _made.TrySetResult();
            }
            else
            {
                _made.TrySetException(
                    length == 0
                        ? LaunchFailure.SupervisorGone()
                        : LaunchFailure.Describe(_plan, MemoryMarshal.Read<Failure>(bytes)));
            }
        }
    }
}
