using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// A process of the launcher that makes itself namespaces and waits in there, while somebody maps its ids and opens
/// them. Disposing ends the process; an open descriptor keeps its namespace.
/// </summary>
internal sealed class NamespaceMaker : IDisposable
{
    private readonly LaunchPlan _plan;
    private readonly SpawnedLauncher _launcher;
    private readonly Lock _listening = new();
    private TaskCompletionSource _said = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EventLoop.Watch _watch;

    private NamespaceMaker(LaunchPlan plan, SpawnedLauncher launcher) => (_plan, _launcher) = (plan, launcher);

    /// <summary>Its process id.</summary>
    public int ProcessId => _launcher.ProcessId;

    /// <summary>
    /// Completes when it says that it has come as far as it goes alone, or fails with the step that failed.
    /// </summary>
    public Task Said
    {
        get
        {
            lock (_listening)
            {
                return _said.Task;
            }
        }
    }

    /// <summary>Starts it on a plan, which is disposed at the end.</summary>
    public static NamespaceMaker Start(Launcher launcher, LaunchPlan plan)
    {
        try
        {
            plan.Encode(RuntimeInformation.ProcessArchitecture);
            using var nothing = Syscall.Open("/dev/null", OpenFlags.O_RDWR);
            var spawned = SpawnedLauncher.Start(
                launcher, plan.FirstPart, [], [nothing, nothing, nothing], plan.Inherited);
            return new NamespaceMaker(plan, spawned).Watched();
        }
        catch
        {
            plan.Dispose();
            throw;
        }
    }

    /// <summary>Lets it go on until it says something again.</summary>
    public void GoOn()
    {
        lock (_listening)
        {
            _said = new(TaskCreationOptions.RunContinuationsAsynchronously);
            if (!Syscall.Send(_launcher.Setup, "\n"u8))
            {
                _said.TrySetException(LaunchFailure.SupervisorGone());
            }
        }
    }

    /// <summary>A descriptor of one of the namespaces, by its name below /proc/PID/ns.</summary>
    public SafeFileHandle Open(string name) => Syscall.Open($"/proc/{ProcessId}/ns/{name}", OpenFlags.O_RDONLY);

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_listening)
        {
            End();
        }

        _plan.Dispose();
    }

    private NamespaceMaker Watched()
    {
        try
        {
            lock (_listening)
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
        lock (_listening)
        {
            Span<byte> bytes = stackalloc byte[16];
            if (_launcher.Setup.IsClosed || Syscall.Receive(_launcher.Setup, bytes, out _, out _) is not { } length)
            {
                return;
            }

            if (length == 1)
            {
                _said.TrySetResult();
                return;
            }

            _watch.Dispose();
            _said.TrySetException(
                length == 0
                    ? LaunchFailure.SupervisorGone()
                    : LaunchFailure.Describe(_plan, MemoryMarshal.Read<Failure>(bytes)));
            _ = _said.Task.Exception; // nobody need wait for it
        }
    }
}
