using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// A container that outlives the process that started it, as this process sees it. Disposing leaves the container
/// alone; <see cref="RemoveAsync"/> kills it and removes what is kept of it. Thread-safe.
/// </summary>
public sealed class DetachedContainer : IAsyncDisposable
{
    private readonly ContainerHost _host;
    private readonly DetachedDirectory _directory;
    private readonly ContainerOptions _options;
    private readonly SafeFileHandle _status; // open, since it may be removed before this reads it
    private readonly SafeFileHandle? _supervisor;
    private readonly CancellationTokenSource _left = new();
    private readonly Task<ContainerResult> _ended;
    private bool _isLeft;
    private readonly ContainerEntrance _entrance;
    private readonly ContainerGroup? _group;

    /// <summary>Over its directory, which is this object's, and its supervisor; null when that has ended.</summary>
    internal DetachedContainer(
        ContainerHost host, DetachedDirectory directory, DetachedRecord record, SafeFileHandle? supervisor,
        bool isStart)
    {
        (_host, _directory, _supervisor, _options) = (host, directory, supervisor, record.ToOptions());
        CreatedAt = record.CreatedAt;
        _status = directory.OpenStatus();
        Pid = supervisor is null ? 0 : ProgramOf(DetachedStatus.Read(_status).Supervisor, record.HasInit);
        (LogsOutput, LogsErrors) = (record.LogsOutput, record.LogsErrors);
        if (isStart)
        {
            host.Events?.Tell(ContainerEventKind.Started, Pid, Id);
        }

        _group = ContainerGroup.At(record.Cgroup);
        _ended = EndAsync(isStart || supervisor is not null);
        _entrance = new(host, _options, kinds => OpenNamespaces(record.Held, kinds), _ended)
        {
            Group = _group,
            JoinsCgroupNamespace = record.Held.Foreign.HasFlag(CloneFlags.CLONE_NEWCGROUP),
        };
    }

    /// <summary>Its id.</summary>
    public string Id => _directory.Id;

    /// <summary>When its start began.</summary>
    public DateTimeOffset CreatedAt { get; }

    /// <summary>Its program's process id as this process sees it; 0 when it had ended before.</summary>
    public int Pid { get; }

    /// <summary>The file that takes its output, if that is a log; the older part is beside it, and ends with
    /// <c>.1</c>.</summary>
    public string? StandardOutputPath => LogsOutput ? PathOfLog("stdout.log") : null;

    /// <summary>The same of its errors.</summary>
    public string? StandardErrorPath => LogsErrors ? PathOfLog("stderr.log") : null;

    /// <summary>Waits for its program to end. Cancelling stops the waiting, never the program.</summary>
    /// <exception cref="LaunchException">Its supervisor was killed from outside, so that nobody knows.</exception>
    public async Task<ExitStatus> WaitAsync(CancellationToken cancellationToken = default) =>
        (await _ended.WaitAsync(cancellationToken).ConfigureAwait(false)).ExitStatus;

    /// <summary>
    /// Waits for its program to end, and says what it took, to whoever attached, and when, until it is removed. Its
    /// output is in its logs, not here. What its cgroup counted is null when that is gone, as after a reboot.
    /// Cancelling stops the waiting, never the program.
    /// </summary>
    /// <exception cref="LaunchException">As <see cref="WaitAsync"/>.</exception>
    public Task<ContainerResult> WaitForResultAsync(CancellationToken cancellationToken = default) =>
        _ended.WaitAsync(cancellationToken);

    /// <inheritdoc cref="ContainerProcess.SendSignal"/>
    public void SendSignal(Signal signal)
    {
        ContainerProcess.CheckCanBeSent(signal);
        if (signal is Signal.SIGKILL)
        {
            Kill();
            return;
        }

        _directory.Send(signal);
    }

    /// <inheritdoc cref="ContainerProcess.StopAsync"/>
    public async Task<ExitStatus> StopAsync(CancellationToken cancellationToken = default)
    {
        _directory.Send(_options.StopSignal);
        await ((Task)_ended.WaitAsync(_options.StopTimeout, cancellationToken))
            .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        cancellationToken.ThrowIfCancellationRequested();
        Kill();
        return await WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>
    /// Starts another program in the container, as <see cref="Container.ExecAsync"/>: it ends with this process, or
    /// with the container.
    /// </summary>
    /// <exception cref="ArgumentException">The options cannot be what is meant; nothing was made.</exception>
    /// <exception cref="LaunchException">A step of the start failed, or the container has ended.</exception>
    public Task<ContainerProcess> ExecAsync(ExecOptions options, CancellationToken cancellationToken = default) =>
        _entrance.ExecAsync(options, cancellationToken);

    /// <inheritdoc cref="Container.PauseAsync"/>
    public async Task PauseAsync(CancellationToken cancellationToken = default)
    {
        var group = Group;
        var isNews = !group.IsPaused;
        await group.FreezeAsync(cancellationToken).ConfigureAwait(false);
        if (isNews)
        {
            _host.Events?.Tell(ContainerEventKind.Paused, Pid, Id);
        }
    }

    /// <inheritdoc cref="Container.ResumeAsync"/>
    public async Task ResumeAsync(CancellationToken cancellationToken = default)
    {
        if (_ended.IsCompleted)
        {
            return;
        }

        var group = Group;
        var isNews = group.IsPaused;
        await group.ThawAsync(cancellationToken).ConfigureAwait(false);
        if (isNews)
        {
            _host.Events?.Tell(ContainerEventKind.Resumed, Pid, Id);
        }
    }

    /// <inheritdoc cref="Container.ReadStatistics"/>
    public CgroupStatistics ReadStatistics() => Group.ReadStatistics() ?? throw LaunchFailure.ContainerGone();

    /// <inheritdoc cref="Container.OpenNamespaces"/>
    public IReadOnlyList<Namespace> OpenNamespaces(NamespaceKinds kinds) => _entrance.OpenNamespaces(kinds);

    /// <summary>
    /// Kills it at once, waits until it is gone, and removes what is kept of it, logs too; harmless when that was done.
    /// </summary>
    /// <exception cref="LaunchException">As of <see cref="ContainerHost"/>'s method.</exception>
    public async Task RemoveAsync(CancellationToken cancellationToken = default)
    {
        await _host.RemoveAsync(_directory, _ended, cancellationToken).ConfigureAwait(false);
        await ((Task)_ended.WaitAsync(cancellationToken)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref _isLeft, true))
        {
            return;
        }

        await _left.CancelAsync().ConfigureAwait(false);
        await ((Task)_ended).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _entrance.EndExecutedAsync().ConfigureAwait(false);
        _group?.Leave();
        _supervisor?.Dispose();
        _status.Dispose();
        _directory.Dispose();
        _left.Dispose();
    }

    /// <summary>Its program: the first child of its supervisor, or of the init that this is.</summary>
    internal static int ProgramOf(int supervisor, bool hasInit)
    {
        var first = ProcessNumbers.FirstChild(supervisor);
        return (hasInit && first is { } init ? ProcessNumbers.FirstChild(init) : first) ?? 0;
    }

    /// <summary>Its cgroup while it runs.</summary>
    private ContainerGroup Group =>
        _ended.IsCompleted ? throw LaunchFailure.ContainerGone() : _group ?? throw ContainerGroup.Missing();

    private void Kill()
    {
        _directory.Send(Signal.SIGKILL);
        _group?.LetGo();
    }

    private async Task<ContainerResult> EndAsync(bool isNews)
    {
        if (_supervisor is not null)
        {
            await EventLoop.ReadyAsync(_supervisor, _left.Token).ConfigureAwait(false);
        }

        var end = DetachedStatus.Read(_status).End is { } status ? Result(status) : null;
        if (isNews)
        {
            _host.Events?.Tell(ContainerEventKind.Exited, Pid, Id, end?.ExitStatus);
        }

        return end ?? throw LaunchFailure.SupervisorGone();
    }

    private ContainerResult Result(WaitStatus end)
    {
        var counted = _group?.ReadStatistics();
        var wallTime = File.GetLastWriteTimeUtc(_status) - CreatedAt.UtcDateTime; // its end was the last to be written
        return new(
            _options.Command[0], ExitStatus.Of(end, counted, _options),
            Receipt.Of(wallTime > TimeSpan.Zero ? wallTime : TimeSpan.Zero, counted), // the clock was set back
            output: default, error: default, obtained: null);
    }

    private List<JoinedNamespace>? OpenNamespaces(HeldNamespaces held, CloneFlags kinds)
    {
        if (_supervisor is null || _ended.IsCompleted)
        {
            return null;
        }

        try
        {
            using var descriptors = ProcessNumbers.OpenFile(_supervisor, "fd");
            return held.Open(kinds, descriptors);
        }
        catch (LinuxException gone) when (gone.Errno is Errno.ENOENT or Errno.ESRCH
            || Syscall.IsReady(_supervisor, EpollEvents.EPOLLIN, TimeSpan.FromMilliseconds(100)))
        {
            return null;
        }
    }

    private bool LogsOutput { get; }

    private bool LogsErrors { get; }

    private string PathOfLog(string name) => Path.Combine(_directory.FullPath, name);
}
