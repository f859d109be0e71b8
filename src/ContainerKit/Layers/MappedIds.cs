using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The ids to which an ordinary user's files belong, and a user namespace that has them, which is made when it is first
/// needed. Thread-safe. Disposing gives it up.
/// </summary>
internal sealed class MappedIds(RangesIdMap map, Launcher launcher) : IDisposable
{
    private readonly Lock _lock = new();
    private Task<SafeFileHandle>? _made;
    private bool _isDisposed;

    /// <summary>The ids.</summary>
    public RangesIdMap Map => map;

    /// <summary>The number in the namespace of this process's user.</summary>
    public uint OwnUser => map.Users.Inside(Syscall.EffectiveUser)!.Value;

    /// <summary>The number in the namespace of its group.</summary>
    public uint OwnGroup => map.Groups.Inside(Syscall.EffectiveGroup)!.Value;

    /// <summary>The ids of a map that somebody chose; null for none.</summary>
    /// <exception cref="ArgumentException">No files can have such a map.</exception>
    public static MappedIds? Of(IdMap? chosen, Launcher launcher) =>
        chosen is null ? null
        : Syscall.EffectiveUser == 0 ? throw new ArgumentException(
            "Root's files have the image's numbers, and containers map them as they start: leave IdMap null.")
        : chosen is not RangesIdMap map ? throw new ArgumentException(
            $"{chosen} is made for a container: files take IdMap.Subordinate() or IdMap.Ranges.")
        : map.Users.Inside(Syscall.EffectiveUser) is null || map.Groups.Inside(Syscall.EffectiveGroup) is null
            ? throw new ArgumentException(FormattableString.Invariant(
                $"{map} lacks this user {Syscall.EffectiveUser} or its group {Syscall.EffectiveGroup}, who makes the ")
                + "files: map both, as IdMap.Subordinate() does.")
        : new(map, launcher);

    /// <summary>This user as root, and nobody else; null for root itself.</summary>
    public static MappedIds? OfThisUser(Launcher launcher) => Syscall.EffectiveUser == 0 ? null : new(
        (RangesIdMap)IdMap.Ranges([new(0, Syscall.EffectiveUser, 1)], [new(0, Syscall.EffectiveGroup, 1)]), launcher);

    /// <summary>Owners for what is unpacked into one directory.</summary>
    /// <exception cref="LaunchException">This user may not map these ids, or newuidmap is missing.</exception>
    public async Task<TreeOwners> OwnersAsync(CancellationToken cancellationToken)
    {
        await NamespaceAsync(cancellationToken).ConfigureAwait(false); // what is wrong is said before anything is made
        return new MappedOwners(this);
    }

    /// <summary>A launcher that stays in the namespace, and is the caller's to dispose.</summary>
    public async Task<Resident> ResideAsync(string cause, CancellationToken cancellationToken)
    {
        var made = await NamespaceAsync(cancellationToken).ConfigureAwait(false);
        return Resident.Start(launcher, LaunchPlan.Residing(cause, [new(made, CloneFlags.CLONE_NEWUSER)]));
    }

    /// <summary>The namespace, which stays this object's; whoever waits for it no longer leaves it to others.</summary>
    public Task<SafeFileHandle> NamespaceAsync(CancellationToken cancellationToken)
    {
        lock (_lock)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            if (_made is null or { IsFaulted: true })
            {
                _made = MappedNamespace.MakeAsync(launcher, map, CancellationToken.None);
            }

            return _made.WaitAsync(cancellationToken);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_lock)
        {
            _isDisposed = true;
            _made?.ContinueWith(
                static made => made.Result.Dispose(), CancellationToken.None,
                TaskContinuationOptions.OnlyOnRanToCompletion | TaskContinuationOptions.ExecuteSynchronously,
                TaskScheduler.Default);
        }
    }
}
