using System.Runtime.ExceptionServices;
using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Starts containers, and ends those that still run when it is disposed. Thread-safe.</summary>
public sealed partial class ContainerHost : IAsyncDisposable
{
    private static readonly StandardStream CapturedOutput = StandardStream.Capture(ByteSize.MiB(1));

    private readonly Spares _spares;
    private readonly HostIdMaps _ids;
    private readonly HostCgroup _cgroup;
    private readonly IsolationChoice _isolation;
    private ContainerEvents? _events;
    private readonly HashSet<Container> _running = [];
    private volatile bool _disposed;

    /// <summary>A host with these options, or with the default ones.</summary>
    public ContainerHost(ContainerHostOptions? options = null)
    {
        options ??= new();
        options.Validate();
        Launcher = options.Launcher;
        _spares = new(Launcher, options.Spares);
        _ids = new(options);
        _isolation = new(Launcher, options.WithoutNamespaces, givesCgroups: options.CgroupParent is not null);
        Detached = new(options.StateDirectory);
        _cgroup = new(options.CgroupParent);
    }

    /// <summary>The host behind the static methods of <see cref="Container"/>.</summary>
    public static ContainerHost Default { get; } = new();

    /// <summary>
    /// Runs a program in a container until it ends; then nothing is left of the container. An exit code other than 0
    /// does not throw. Cancelling kills it, waits until it is gone, and throws.
    /// </summary>
    /// <exception cref="ArgumentException">The options cannot be what is meant; nothing was made.</exception>
    /// <exception cref="IsolationUnavailableException">This host cannot isolate it so; nothing was made.</exception>
    /// <exception cref="LaunchException">A step of the start failed; everything was unmade.</exception>
    /// <exception cref="LinuxException">A system call of this process failed; everything was unmade, unless it says of
    /// a cgroup ETIMEDOUT or EBUSY, as <see cref="Container.DisposeAsync"/>.</exception>
    public async Task<ContainerResult> RunAsync(ContainerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        OptionsCheck.ValidateRun(options);
        var container = await LaunchAsync(options, CapturedOutput, onlyEnd: true, cancellationToken)
            .ConfigureAwait(false);
        await using var disposed = container.ConfigureAwait(false);
        await using (cancellationToken.UnsafeRegister(static container => ((Container)container!).Kill(), container)
            .ConfigureAwait(false))
        {
            await container.Ended.ConfigureAwait(false);
        }

        cancellationToken.ThrowIfCancellationRequested();
        await container.OutputEndedAsync(cancellationToken).ConfigureAwait(false);
        return container.Result;
    }

    /// <summary>
    /// Starts a program in a container, and returns once it was executed. The container lives until the program ends,
    /// is disposed, or this process ends. Cancelling kills what was started, waits until it is gone, and throws.
    /// </summary>
    /// <exception cref="ArgumentException">The options cannot be what is meant; nothing was made.</exception>
    /// <exception cref="IsolationUnavailableException">This host cannot isolate it so; nothing was made.</exception>
    /// <exception cref="LaunchException">A step of the start failed; everything was unmade.</exception>
    /// <exception cref="LinuxException">A system call of this process failed; everything was unmade.</exception>
    public async Task<Container> StartAsync(ContainerOptions options, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        var container = await LaunchAsync(options, StandardStream.Null, onlyEnd: false, cancellationToken)
            .ConfigureAwait(false);
        try
        {
            await container.StartedAsync(cancellationToken).ConfigureAwait(false);
            container.OpenTerminal();
            return container;
        }
        catch
        {
            await container.UnmakeAsync().ConfigureAwait(false);
            throw;
        }
    }

    /// <summary>
    /// Makes a user namespace with these ids, of <see cref="IdMap.Ranges"/> or <see cref="IdMap.Automatic"/>, for any
    /// number of containers to have: that saves each of them the mapping, and an ordinary user one range for each.
    /// </summary>
    /// <exception cref="ArgumentException">It is another map.</exception>
    /// <exception cref="LaunchException">This user may not map these ids, none are free, or there can be no
    /// namespace.</exception>
    public Task<KeptIds> KeepIdsAsync(IdMap idMap, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(idMap);
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _ids.KeepAsync(idMap, cancellationToken);
    }

    /// <summary>
    /// What happens to the containers that this host starts, or is attached to, from the call on, in order: enumerate
    /// it until it is cancelled, or the host is disposed. The exit of a detached container is told for each
    /// <see cref="DetachedContainer"/> that stands for it.
    /// </summary>
    public IAsyncEnumerable<ContainerEvent> WatchAsync(CancellationToken cancellationToken = default)
    {
        var events = LazyInitializer.EnsureInitialized(ref _events);
        if (_disposed)
        {
            events.End();
        }

        return events.Watch(cancellationToken);
    }

    /// <summary>
    /// Kills what runs, and waits until it is gone; detached containers, and what was executed in them, are left alone.
    /// <see cref="Default"/> starts containers even after that.
    /// </summary>
    /// <exception cref="LinuxException">ETIMEDOUT or EBUSY: in the end a cgroup was left, of a container or of a host
    /// that was killed before, since a process in it does not end; the next host with this
    /// <see cref="ContainerHostOptions.CgroupParent"/> tries again. All else is gone.</exception>
    public async ValueTask DisposeAsync()
    {
        Container[] running;
        lock (_running)
        {
            _disposed = this != Default; // which is everybody's
            running = [.. _running];
        }

        foreach (var container in running)
        {
            container.Kill();
        }

        foreach (var container in running)
        {
            await container.GoneAsync().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        await _spares.DisposeAsync().ConfigureAwait(false);
        if (this != Default)
        {
            _events?.End();
            _ids.Dispose();
        }

        try
        {
            await _cgroup.RemovedAsync().ConfigureAwait(false);
        }
        finally
        {
            if (this != Default)
            {
                _cgroup.Dispose();
            }
        }
    }

    /// <summary>Who watches what happens; null when nobody ever did, whose first start is spared loading it.</summary>
    internal ContainerEvents? Events => _events;

    /// <summary>Where launchers are run from.</summary>
    internal Launcher Launcher { get; }

    /// <summary>Knows a container no more that is gone.</summary>
    internal void Forget(Container container)
    {
        lock (_running)
        {
            _running.Remove(container);
        }
    }

    /// <summary>Removes the cgroup of a container; if that fails, the disposal says so, too.</summary>
    internal Task RemoveAsync(ContainerGroup group) => _cgroup.RemoveAsync(group);

    /// <summary>Starts a launcher on a plan that no spare can have begun.</summary>
    internal LaunchedProcess Launch(LaunchPlan plan, SafeFileHandle[] standard) =>
        _spares.Start(plan, standard, onlyEnd: false);

    // Not an async method: the code for one more is compiled at the first start.
    private ValueTask<Container> LaunchAsync(
        ContainerOptions options, StandardStream output, bool onlyEnd, CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        cancellationToken.ThrowIfCancellationRequested();
        options = OptionsSnapshot.Of(options);
        OptionsCheck.Validate(options);
        return _isolation.IsAsked(options) ? LaunchIsolatedAsync(options, output, onlyEnd, cancellationToken)
            : LaunchChosen(options, output, onlyEnd, cancellationToken);
    }

    private async ValueTask<Container> LaunchIsolatedAsync(
        ContainerOptions options, StandardStream output, bool onlyEnd, CancellationToken cancellationToken)
    {
        options = await _isolation.ChooseAsync(options, cancellationToken).ConfigureAwait(false);
        return await LaunchChosen(options, output, onlyEnd, cancellationToken).ConfigureAwait(false);
    }

    private ValueTask<Container> LaunchChosen(
        ContainerOptions options, StandardStream output, bool onlyEnd, CancellationToken cancellationToken) =>
        options.IdMap.NeedsHost && options.NewNamespaces.HasFlag(NamespaceKinds.User)
            ? LaunchWithIdsAsync(options, output, onlyEnd, cancellationToken)
            : LaunchKnown(options, output, onlyEnd);

    private async ValueTask<Container> LaunchWithIdsAsync(
        ContainerOptions options, StandardStream output, bool onlyEnd, CancellationToken cancellationToken)
    {
        options = await WithIdsAsync(options, cancellationToken).ConfigureAwait(false);
        return await LaunchKnown(options, output, onlyEnd).ConfigureAwait(false);
    }

    /// <summary>Launches a container that this host knows, and unmakes it when it does not come to be.</summary>
    private ValueTask<Container> LaunchKnown(ContainerOptions options, StandardStream output, bool onlyEnd)
    {
        var container = Launch(options, output, onlyEnd);
        try
        {
            lock (_running)
            {
                ObjectDisposedException.ThrowIf(_disposed, this);
                if (container.IsRunning) // or it was forgotten already
                {
                    _running.Add(container);
                }
            }

            container.Begin();
            return new(container);
        }
#pragma warning disable CA1031 // whatever it is, it is thrown once the container is gone
        catch (Exception failure)
#pragma warning restore CA1031
        {
            return UnmakeAsync(container, failure);
        }
    }

    private static async ValueTask<Container> UnmakeAsync(Container container, Exception failure)
    {
        await container.UnmakeAsync().ConfigureAwait(false);
        ExceptionDispatchInfo.Throw(failure);
        return container;
    }

    private async Task<ContainerOptions> WithIdsAsync(ContainerOptions options, CancellationToken cancellationToken)
    {
        try
        {
            UserLookup.Find(options); // what is wrong is said before anything is made
            return options with
            { IdMap = await _ids.OpenAsync(options.IdMap, cancellationToken).ConfigureAwait(false) };
        }
        catch (Exception failure)
        {
            Telemetry.Begin(options.Command[0])?.End(processId: 0, failure);
            throw;
        }
    }

    private Container Launch(ContainerOptions options, StandardStream output, bool onlyEnd)
    {
        var observed = Telemetry.Begin(options.Command[0]);
        IDisposable? held = null;
        ContainerGroup? group = null;
        StandardStreams? streams = null;
        try
        {
            (var root, held) = options.Root.Open();
            held = HeldTogether.With(held, options.IdMap.Held);
            streams = new(options, output);
            group = _cgroup.MakeFor(options);
            if (options.IsRestricted)
            {
                var directory = RestrictedStart.TakeDirectory();
                held = HeldTogether.With(held, directory);
                options = RestrictedStart.OptionsOf(options, directory, group);
            }

            using var entrances = Entrances.Of(group);
            var plan = ContainerPlan.Make(options with { Root = root }, entrances);
            onlyEnd &= observed is null && Events is not { AreWatched: true };
            var launched = _spares.Start(plan, streams.OfProgram, onlyEnd);
            observed?.Follow(launched);
            var container = new Container(this, options, launched, streams, held, group, observed);
            container.Follow();
            if (options.Restriction is not null)
            {
                RestrictedStart.PrepareDirectory();
            }

            if (Events is { AreWatched: true })
            {
                launched.Started.ContinueWith(
                    _ => container.TellStarted(), CancellationToken.None, TaskContinuationOptions.OnlyOnRanToCompletion,
                    TaskScheduler.Default);
            }

            return container;
        }
        catch (Exception failure)
        {
            streams?.Dispose();
            (held ?? options.IdMap.Held)?.Dispose();
            _ = group is null ? null : RemoveAsync(group);
            observed?.End(processId: 0, failure);
            throw;
        }
    }
}
