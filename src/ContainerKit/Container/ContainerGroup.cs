using System.Globalization;
using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// The cgroup of one container, which enters it at its birth: locked while its host, or the supervisor of a detached
/// one, lives, so that the next host knows it from one that was left. That of a detached container stays after its end,
/// with what it counted, until the container is removed.
/// </summary>
internal sealed class ContainerGroup
{
    /// <summary>What a failure is said to be about.</summary>
    public const string Cause = "the container's cgroup";

    private const string Prefix = "containerkit-";

    private const int MostTries = 100;

    /// <summary>What no other process has in a name: numbers come again, after a reboot as in a container.</summary>
    private static readonly string Mark = Random.Shared.NextInt64().ToString("x16", CultureInfo.InvariantCulture);

    private static int _lastNumber;

    private readonly Cgroup _group;
    private volatile bool _isLetGo;

    private ContainerGroup(Cgroup group) => _group = group;

    /// <summary>Its directories.</summary>
    public IReadOnlyList<string> Directories => _group.Directories;

    /// <summary>Its directory of version 2, which is the first; null where there is none.</summary>
    public SafeFileHandle? Unified => _group.UnifiedHandle;

    /// <summary>What its lock is on, for another process to hold it.</summary>
    public IEnumerable<SafeFileHandle> Lock => _group.Locks;

    /// <summary>The controllers of each hierarchy of version 1 that it is in.</summary>
    public IReadOnlyList<string[]> OldControllers => _group.OldControllers;

    /// <summary>Whether what is frozen in it cannot be killed.</summary>
    public bool HoldsBackKills => _group.HoldsBackKills;

    /// <summary>Whether all of it is stopped, or is to be; false when it is gone.</summary>
    public bool IsPaused
    {
        get
        {
            try
            {
                return _group.IsToBeFrozen;
            }
            catch (ObjectDisposedException)
            {
                return false;
            }
        }
    }

    /// <summary>A name that nothing else has, by which the next host knows what this one left.</summary>
    public static string NewName() => string.Create(CultureInfo.InvariantCulture,
        $"{Prefix}{Environment.ProcessId}-{Mark}-{Interlocked.Increment(ref _lastNumber)}");

    /// <summary>Makes one below another group.</summary>
    /// <exception cref="LaunchException">This user may not, or others take away each that is made.</exception>
    public static ContainerGroup Make(Cgroup parent, CgroupLimits limits)
    {
        for (var tries = 1; ; tries++)
        {
            try
            {
                return new(parent.CreateLockedChild(NewName(), limits));
            }
            catch (LinuxException taken) when (taken.Errno is Errno.EEXIST && tries < MostTries)
            {
                // Another host takes it for one that was left, and removes it; or it is of another process with this
                // one's number, whose containers outlive it.
            }
            catch (LinuxException failure) when (failure.Call is "mkdirat" || failure.Errno is Errno.EEXIST)
            {
                throw new LaunchException(
                    $"{failure.Call}(\"{failure.Path}\")", Cause, failure.Call, failure.Errno, HintOf(failure.Errno));
            }
        }
    }

    /// <summary>
    /// One that is there already, by its directories; null when there is none, or they are named as no host names one:
    /// they come from a file that others may have written, and what is at them is killed and removed.
    /// </summary>
    public static ContainerGroup? At(IReadOnlyList<string>? directories) =>
        directories is { Count: > 0 } && directories.All(path => IsName(Path.GetFileName(path)))
            && Cgroup.OpenDirectories(directories) is { } group ? new(group) : null;

    /// <summary>What is said where a container has none.</summary>
    public static LimitNotSupportedException Missing() => new(
        "A container is paused and counted by its cgroup, and this one has none: set ContainerOptions.Limits, or "
        + "ContainerHostOptions.CgroupParent.");

    /// <summary>
    /// Kills what is left in groups whose hosts ended without removing them, and removes these, but for those of
    /// detached containers that ended and are not removed yet.
    /// </summary>
    /// <exception cref="LinuxException">ETIMEDOUT or EBUSY: a process in one did not end; all others are
    /// removed.</exception>
    public static async Task SweepAsync(Cgroup parent)
    {
        LinuxException? stuck = null;
        foreach (var name in ChildrenOf(parent).Where(IsName))
        {
            try
            {
                await RemoveIfLeftAsync(parent.OpenChild(name, isOwner: true), name).ConfigureAwait(false);
            }
            catch (LinuxException failure) when (failure.Errno is Errno.ETIMEDOUT or Errno.EBUSY)
            {
                stuck ??= failure;
            }
            catch (Exception failure)
                when (failure is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                // It is gone by now, as may be the parent, or it is not this user's.
            }
        }

        if (stuck is not null)
        {
            throw stuck;
        }
    }

    /// <summary>Gives it to a user of the container, who may make groups in it, and not change its limits.</summary>
    /// <exception cref="LimitNotSupportedException">Here that user could change them.</exception>
    /// <exception cref="LaunchException">This user may not give it to another.</exception>
    public void DelegateTo(uint user)
    {
        try
        {
            _group.DelegateTo(user);
        }
        catch (LinuxException failure) when (failure.Call is "fchownat")
        {
            throw new LaunchException(
                $"fchownat(\"{failure.Path}\")", Cause, failure.Call, failure.Errno,
                "Only root gives a group to others: delegate to a user of the container who is this process's own, as "
                + "with IdMap.SingleId.");
        }
    }

    /// <summary>
    /// Opens the one below that has processes, where the program has limited groups in it, which then takes no process
    /// itself; null where it has not.
    /// </summary>
    public ContainerGroup? OpenPopulated()
    {
        try
        {
            return _group.OpenPopulated() is { } below ? new(below) : null;
        }
        catch (Exception failure) when (IsGone(failure))
        {
            throw LaunchFailure.ContainerGone();
        }
    }

    /// <summary>
    /// Opens the files by which a process enters when it writes 0 to them, with this process's permission.
    /// </summary>
    /// <exception cref="LaunchException">It is gone.</exception>
    public List<SafeFileHandle> OpenEntrances()
    {
        try
        {
            return _group.OpenEntrances();
        }
        catch (Exception failure) when (IsGone(failure))
        {
            throw LaunchFailure.ContainerGone();
        }
    }

    /// <summary>Has it stay when a detached container has ended, as long as its directory does.</summary>
    public void StayWith(DetachedDirectory directory) => _group.WriteKeeper(directory.FullPath);

    /// <summary>Freezes all of it, and completes when that is so.</summary>
    /// <exception cref="LaunchException">It is gone, or let go to be killed.</exception>
    /// <exception cref="LinuxException">ETIMEDOUT: something does not stop, and nothing stays frozen.</exception>
    public async Task FreezeAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _group.FreezeAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (IsGone(failure))
        {
            throw LaunchFailure.ContainerGone();
        }

        if (_isLetGo)
        {
            Thaw();
            throw LaunchFailure.ContainerGone();
        }
    }

    /// <summary>Lets all of it go on, and completes when that is so; harmless when it is gone.</summary>
    /// <exception cref="LinuxException">ETIMEDOUT: a group above is frozen.</exception>
    public async Task ThawAsync(CancellationToken cancellationToken)
    {
        try
        {
            await _group.ThawAsync(cancellationToken).ConfigureAwait(false);
        }
        catch (Exception failure) when (IsGone(failure))
        {
        }
    }

    /// <summary>The same without waiting.</summary>
    public void Thaw()
    {
        try
        {
            _group.Thaw();
        }
        catch (ObjectDisposedException)
        {
        }
    }

    /// <summary>
    /// Lets go what was killed, which this freezes no more, not even if it is about to, nor keeps from its last time on
    /// CPUs.
    /// </summary>
    public void LetGo()
    {
        _isLetGo = true;
        try
        {
            _group.LiftCpuLimit();
        }
        catch (ObjectDisposedException)
        {
        }

        if (HoldsBackKills)
        {
            Thaw();
        }
    }

    /// <summary>What was used in it; null when it is gone.</summary>
    public CgroupStatistics? ReadStatistics()
    {
        try
        {
            return _group.ReadStatistics();
        }
        catch (Exception failure) when (failure is LinuxException or ObjectDisposedException)
        {
            return null; // nobody else removes it, or the end of a container is to be told all the same
        }
    }

    /// <summary>Closes it, and leaves it as it is.</summary>
    public void Leave() => _group.Close();

    /// <summary>Kills what is left in it, and removes it.</summary>
    public async Task RemoveAsync() => await _group.DisposeAsync().ConfigureAwait(false);

    private static IReadOnlyList<string> ChildrenOf(Cgroup parent)
    {
        try
        {
            return parent.ReadChildren();
        }
        catch (Exception gone) when (IsGone(gone))
        {
            return [];
        }
    }

    private static async Task RemoveIfLeftAsync(Cgroup group, string name)
    {
        try
        {
            if (group.TryLock() && !IsKept(group, name))
            {
                await group.DisposeAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            group.Close();
        }
    }

    /// <summary>
    /// Whether it is of a detached container whose end is known, and which is there. Its supervisor may be ending: what
    /// it wrote comes before it gives up the lock.
    /// </summary>
    private static bool IsKept(Cgroup group, string name)
    {
        using var directory = group.ReadKeeper() is { } path ? DetachedDirectory.At(path) : null;
        return directory?.ReadStatus().End is not null
            && directory.ReadRecord()?.Cgroup?.Any(path => Path.GetFileName(path) == name) is true;
    }

    private static string? HintOf(Errno errno) => errno switch
    {
        Errno.EACCES or Errno.EPERM =>
            "This user must be allowed to make cgroups there, as systemd has it with Delegate=yes; another place is "
            + "set by ContainerHostOptions.CgroupParent.",
        Errno.EROFS => "Mount /sys/fs/cgroup for writing; in a container, give it a cgroup namespace of its own.",
        Errno.ENOENT or Errno.ENODEV => "The cgroup it would be in was removed meanwhile: make it again.",
        Errno.EEXIST => "Another process removes each that is made: give this host a CgroupParent of its own.",
        Errno.EAGAIN => "Raise cgroup.max.descendants or cgroup.max.depth of the cgroups above.",
        _ => null,
    };

    private static bool IsName(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal)
        && name[Prefix.Length..].Split('-') is [var process, { Length: 16 } mark, var number]
        && int.TryParse(process, NumberStyles.None, CultureInfo.InvariantCulture, out _)
        && mark.All(char.IsAsciiHexDigitLower)
        && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out _);

    private static bool IsGone(Exception failure) =>
        failure is ObjectDisposedException or LinuxException { Errno: Errno.ENOENT or Errno.ENODEV };
}
