using System.Runtime.InteropServices;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit.Launch;

/// <summary>
/// A launch under way: the launcher that stays outside as supervisor, and the two channels to it. It cleans up after
/// itself when the supervisor ends; ending the host ends it.
/// </summary>
internal sealed partial class LaunchedProcess
{
    private readonly SafeFileHandle _control, _setup;
    private readonly SafeFileHandle? _launcher;
    private readonly TaskCompletionSource _started = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource<WaitStatus> _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private LaunchPlan? _plan;
    private SafeFileHandle? _pidOne, _opened;
    private EventLoop.Watch _controlWatch, _setupWatch, _pidOneWatch, _launcherWatch;
    private WaitStatus? _program, _init;
    private LaunchException? _failure;
    private bool _onlyEnd, _setupEnded;

    private LaunchedProcess(SpawnedLauncher launcher) =>
        (_control, _setup, _launcher, SupervisorId) =
            (launcher.Control, launcher.Setup, launcher.Process, launcher.ProcessId);

    /// <summary>The process id of the launcher.</summary>
    public int SupervisorId { get; }

    /// <summary>The process id of the program in the host's pid namespace; 0 before it started.</summary>
    public int ProgramId { get; private set; }

    /// <summary>Completes when exec happened, or fails with the step that failed.</summary>
    public Task Started => _started.Task;

    /// <summary>Completes when the container is gone, with how its program ended.</summary>
    public Task<WaitStatus> Ended => _ended.Task;

    /// <summary>Completes at the same time or right after it, when its supervisor is gone, too.</summary>
    public Task Gone => _gone.Task;

    /// <summary>
    /// Sends a signal to PID 1; an init passes it on to the program. Harmless when the container is gone.
    /// </summary>
    public void Send(Signal signal)
    {
        if (_ended.Task.IsCompleted)
        {
            return; // without waiting for the lock
        }

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

    /// <summary>
    /// What was opened for the host, such as the master of the program's terminal, if that was not taken yet; it is the
    /// taker's to dispose, after the end, too. It is there once <see cref="Started"/> completed.
    /// </summary>
    public SafeFileHandle? TakeOpened() => Interlocked.Exchange(ref _opened, null);

    private void Watch(LaunchPlan plan, bool onlyEnd)
    {
        lock (_started)
        {
            try
            {
                _setupWatch = onlyEnd ? default : EventLoop.Add(_setup, OnSetup);
                (_plan, _onlyEnd, _held) = (plan, onlyEnd, plan.Held);
                ReadControl(); // of a spare, PID 1 has long been told: no need to be woken up for it
                if (!_control.IsClosed)
                {
                    var events = onlyEnd && _pidOne is not null ? EpollEvents.None : EpollEvents.EPOLLIN;
                    _controlWatch = EventLoop.Add(_control, OnControl, events);
                }
            }
            catch
            {
                Close(); // which ends the supervisor, and it PID 1
                if (_launcher is not null)
                {
                    Syscall.Reap(_launcher);
                    _launcher.Dispose();
                }

                throw;
            }
        }
    }

    private void Close()
    {
        _controlWatch.Dispose();
        _setupWatch.Dispose();
        _pidOneWatch.Dispose();
        _control.Dispose();
        _setup.Dispose();
        _pidOne?.Dispose();
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
        while (!_setupEnded && Syscall.Receive(_setup, bytes, out _, out _) is { } length)
        {
            if (length > 0)
            {
                _failure ??= LaunchFailure.Describe(_plan!, MemoryMarshal.Read<Failure>(bytes));
                continue;
            }

            _setupEnded = true;
            _setupWatch.Dispose();
            if (!_onlyEnd)
            {
                _setup.Dispose(); // else who waits comes first
            }

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
        while (Syscall.Receive(_control, bytes, out var sender, out var attached) is { } length)
        {
            if (length == 0)
            {
                OnSupervisorEnd();
                return;
            }

            var message = MemoryMarshal.Read<Message>(bytes);
            switch (message.Kind)
            {
                case MessageKind.Started:
                    ProgramId = sender;
                    CompleteStart();
                    break;
                case MessageKind.InitMade:
                    OnInitMade(attached);
                    break;
                case MessageKind.Opened:
                    OnOpened(attached);
                    break;
                case MessageKind.ProgramExited:
                    _program = new(message.Status);
                    break;
                case MessageKind.InitExited:
                    _init = new(message.Status);
                    OnEnd();
                    return;
            }
        }
    }

    /// <summary>
    /// The descriptor is taken at once: while it is on its way it counts against all programs of this user.
    /// </summary>
    private void OnInitMade(SafeFileHandle? pidOne)
    {
        _pidOne = pidOne;
        if (pidOne is null)
        {
            FailWithoutDescriptors();
        }

        if (_onlyEnd && _controlWatch.IsActive)
        {
            _controlWatch.OnlyEnd();
        }
    }

    private void OnOpened(SafeFileHandle? opened)
    {
        _opened = opened;
        if (opened is null)
        {
            FailWithoutDescriptors();
        }
    }

    private void FailWithoutDescriptors()
    {
        _failure ??= LaunchFailure.NoDescriptors();
        Send(Signal.SIGKILL);
    }

    /// <summary>A supervisor that was killed leaves a PID 1 that may have given up dying with it.</summary>
    private void OnSupervisorEnd()
    {
        if (_init is not null || _pidOne is null)
        {
            OnEnd();
            return;
        }

        _controlWatch.Dispose();
        if (_pidOneWatch.IsActive)
        {
            return; // told twice
        }

        try
        {
            _pidOneWatch = EventLoop.Add(_pidOne, OnPidOneEnd);
            Syscall.Kill(_pidOne);
        }
        catch (LinuxException) when (_pidOneWatch.IsActive)
        {
            // This process is another user by now, who may not kill it: it ends by itself, or is waited for.
        }
        catch (LinuxException)
        {
            OnEnd();
        }
    }

    /// <summary>It has said all, and one that somebody stopped would be waited for.</summary>
    private static void KillSupervisor(SafeFileHandle launcher)
    {
        try
        {
            Syscall.Kill(launcher);
        }
        catch (LinuxException)
        {
            // This process is another user by now: nobody else stopped it.
        }
    }

    private void OnPidOneEnd()
    {
        lock (_started)
        {
            if (!_control.IsClosed)
            {
                OnEnd();
            }
        }
    }

    private void OnEnd()
    {
        OnSetup();
        var isEarly = _init is not null && _plan!.HoldsNothing;
        if (isEarly)
        {
            CompleteEnd(); // all is known: who waits need not wait for the supervisor's exit
        }

        Close();
        _plan!.Dispose();
        if (_launcher is not null)
        {
            KillSupervisor(_launcher);
        }

        if (_launcher is null || !isEarly || !IsGoneLater(_launcher))
        {
            OnSupervisorGone();
        }
    }

    /// <summary>
    /// Whether the event loop will tell that the supervisor is gone, which has let others go first: it may be long.
    /// </summary>
    private bool IsGoneLater(SafeFileHandle launcher)
    {
        try
        {
            _launcherWatch = EventLoop.Add(launcher, OnSupervisorGone);
            return true;
        }
        catch (LinuxException)
        {
            return false; // it is waited for
        }
    }

    private void OnSupervisorGone()
    {
        lock (_started)
        {
            if (_gone.Task.IsCompleted)
            {
                return; // told twice
            }

            _launcherWatch.Dispose();
            if (_launcher is not null)
            {
                Syscall.Reap(_launcher);
                _launcher.Dispose();
            }

            if (!_ended.Task.IsCompleted)
            {
                CompleteEnd();
            }

            _gone.SetResult();
        }
    }

    private void CompleteEnd()
    {
        var failure = _failure ?? (_init is null ? LaunchFailure.SupervisorGone() : null);
        if (ProgramId != 0 && failure is null)
        {
            _started.TrySetResult();
        }
        else if (_started.TrySetException(failure ?? LaunchFailure.EndedBefore()))
        {
            _ = _started.Task.Exception; // nobody need wait for the start alone
        }

        if (failure is not null)
        {
            _ended.TrySetException(failure);
        }
        else
        {
            _ended.TrySetResult(_program ?? _init!);
        }
    }
}
