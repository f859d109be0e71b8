using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// A launch under way: the launcher that stays outside as supervisor, and the two channels to it. It cleans up after
/// itself when the supervisor ends; ending the host ends it.
/// </summary>
internal sealed class LaunchedProcess
{
    private readonly LaunchPlan _plan;
    private readonly SafeFileHandle _control, _setup;
    private readonly SafeFileHandle? _launcher; // null: .NET reaped it at once, as it does with all children of a host that is PID 1
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<WaitStatus> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private EventLoop.Watch _controlWatch, _setupWatch;
    private WaitStatus? _program, _init;
    private LaunchException? _failure;
    private bool _setupEnded;

    private LaunchedProcess(LaunchPlan plan, SafeFileHandle control, SafeFileHandle setup, SafeFileHandle? launcher, int processId) =>
        (_plan, _control, _setup, _launcher, SupervisorId) = (plan, control, setup, launcher, processId);

    /// <summary>The process id of the launcher.</summary>
    public int SupervisorId { get; }

    /// <summary>The process id of the program in the host's pid namespace; 0 before it started.</summary>
    public int ProgramId { get; private set; }

    /// <summary>Completes when exec happened, or fails with the step that failed.</summary>
    public Task Started => _started.Task;

    /// <summary>Completes when the container is gone, with how its program ended.</summary>
    public Task<WaitStatus> Ended => _ended.Task;

    /// <summary>
    /// Starts a launcher on a plan, whose steps <paramref name="add"/> adds with the control channel at hand. For who only
    /// waits for the end (<paramref name="onlyEnd"/>), <see cref="Started"/> completes no sooner, and wakes this process
    /// up no more often.
    /// </summary>
    public static LaunchedProcess Start(
        Launcher launcher, ReadOnlySpan<SafeFileHandle> standard, Action<LaunchPlan, Descriptor> add, bool onlyEnd = false)
    {
        var plan = LaunchPlan.Rent();
        SafeFileHandle? control = null, setup = null;
        try
        {
            (control, var far) = Syscall.SocketPair();
            using var farControl = Above2(far);
            (setup, var write) = Syscall.Pipe();
            using var farSetup = Above2(write);
            using var memory = Above2(Syscall.MemfdCreate("plan", MemfdFlags.MFD_CLOEXEC));
            add(plan, Descriptor.Number(Number(farControl)));
            Syscall.WriteWhole(memory, plan.Encode(RuntimeInformation.ProcessArchitecture));

            ReadOnlySpan<string> arguments = ["containerkit", $"{Number(memory)}", $"{Number(farSetup)}"];
            ReadOnlySpan<SafeFileHandle> inherited = plan.Lease is { } lease
                ? [memory, farSetup, farControl, lease]
                : [memory, farSetup, farControl];
            var launched = new LaunchedProcess(plan, control, setup, Spawn(launcher, arguments, standard, inherited, out var id), id);
            launched.Watch(onlyEnd);
            return launched;
        }
        catch
        {
            control?.Dispose();
            setup?.Dispose();
            plan.Dispose();
            throw;
        }
    }

    /// <summary>Sends a signal to PID 1; an init passes it on to the program. Harmless when the container is gone.</summary>
    public void Send(Signal signal)
    {
        lock (_started)
        {
            if (_control.IsClosed)
            {
                return;
            }

            try
            {
                Syscall.Send(_control, MemoryMarshal.AsBytes([(int)signal]));
            }
            catch (LinuxException) when (signal is Signal.SIGKILL)
            {
                Syscall.Kill(SupervisorId); // the channel is full: its end ends the container, too
            }
        }
    }

    /// <summary>A descriptor that a standard stream's number cannot hide; the argument is disposed if it was copied.</summary>
    private static SafeFileHandle Above2(SafeFileHandle handle)
    {
        if (handle.DangerousGetHandle() > 2)
        {
            return handle;
        }

        using (handle)
        {
            return Syscall.Duplicate(handle, 3);
        }
    }

    /// <summary>Starts the launcher; a descriptor that stands for it, unless it has ended and been reaped.</summary>
    private static SafeFileHandle? Spawn(
        Launcher launcher, ReadOnlySpan<string> arguments, ReadOnlySpan<SafeFileHandle> standard,
        ReadOnlySpan<SafeFileHandle> inherited, out int processId)
    {
        using (var program = launcher.Open())
        {
            processId = Syscall.Spawn($"/proc/self/fd/{Number(program)}", arguments, standard, inherited);
        }

        try
        {
            return Syscall.PidfdOpen(processId);
        }
        catch
        {
            Syscall.KillAndReap(processId);
            throw;
        }
    }

    private static int Number(SafeFileHandle handle) => (int)handle.DangerousGetHandle();

    private void Watch(bool onlyEnd)
    {
        lock (_started)
        {
            try
            {
                _setupWatch = onlyEnd ? default : EventLoop.Add(_setup, OnSetup);
                _controlWatch = EventLoop.Add(_control, OnControl, onlyEnd);
            }
            catch
            {
                Close();
                Syscall.KillAndReap(SupervisorId);
                _launcher?.Dispose();
                throw;
            }
        }
    }

    private void Close()
    {
        _controlWatch.Dispose();
        _setupWatch.Dispose();
        _control.Dispose();
        _setup.Dispose();
    }

    /// <summary>The end of the setup channel says that exec happened, unless a failure came first.</summary>
    private void OnSetup()
    {
        lock (_started)
        {
            if (!_setup.IsClosed)
            {
                ReadSetup();
            }
        }
    }

    private void ReadSetup()
    {
        Span<byte> bytes = stackalloc byte[16];
        while (!_setupEnded && Syscall.Read(_setup, bytes) is { } length)
        {
            if (length > 0)
            {
                _failure ??= LaunchFailure.Describe(_plan, MemoryMarshal.Read<Failure>(bytes));
                continue;
            }

            _setupEnded = true;
            _setupWatch.Dispose();
            _setup.Dispose();
            CompleteStart();
        }
    }

    /// <summary>The two channels are read in any order: exec happened when both have said their part.</summary>
    private void CompleteStart()
    {
        if (_setupEnded && _failure is null && ProgramId != 0)
        {
            _started.TrySetResult();
        }
    }

    private void OnControl()
    {
        lock (_started)
        {
            if (!_control.IsClosed)
            {
                ReadControl();
            }
        }
    }

    private void ReadControl()
    {
        Span<byte> bytes = stackalloc byte[8];
        while (Syscall.Receive(_control, bytes) is var (length, sender))
        {
            if (length == 0)
            {
                OnEnd();
                return;
            }

            var message = MemoryMarshal.Read<Message>(bytes);
            switch (message.Kind)
            {
                case MessageKind.Started:
                    ProgramId = sender;
                    CompleteStart();
                    break;
                case MessageKind.ProgramExited:
                    _program = new(message.Status);
                    break;
                default:
                    _init = new(message.Status);
                    break;
            }
        }
    }

    private void OnEnd()
    {
        OnSetup();
        Close();

        if (_launcher is not null)
        {
            Syscall.Reap(_launcher);
            _launcher.Dispose();
        }

        _plan.Dispose();
        var failure = _failure ?? (_init is null ? LaunchFailure.SupervisorGone() : null);
        if (failure is not null)
        {
            _ended.TrySetException(failure);
        }
        else
        {
            _ended.TrySetResult(_program ?? _init!);
        }

        if (ProgramId != 0 && failure is null)
        {
            _started.TrySetResult();
        }
        else if (_started.TrySetException(failure ?? LaunchFailure.SupervisorGone()))
        {
            _ = _started.Task.Exception; // nobody need wait for the start alone
        }
    }
}
