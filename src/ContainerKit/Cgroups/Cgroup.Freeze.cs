using System.Diagnostics;

namespace ContainerKit;

/// <content>All processes in it are stopped, and go on.</content>
public sealed partial class Cgroup
{
    private const string Frozen = "cgroup.freeze", OldFrozen = "freezer.state", State = "cgroup.events";

    private static readonly TimeSpan LongestFreeze = TimeSpan.FromSeconds(5);

    /// <summary>Whether all processes in it are stopped; false when it is gone.</summary>
    /// <exception cref="LimitNotSupportedException">This host has no freezer.</exception>
    public bool IsFrozen
    {
        get
        {
            var directory = Freezer();
            try
            {
                return directory.IsUnified
                    ? directory.Read(State).Contains("frozen 1", StringComparison.Ordinal)
                    : directory.Read(OldFrozen) is "FROZEN";
            }
            catch (LinuxException gone) when (IsGone(gone))
            {
                return false;
            }
        }
    }

    /// <summary>
    /// Whether they are stopped or are to be, which they are not while one that was killed since goes on to its end;
    /// false when it is gone, or nothing stops them.
    /// </summary>
    internal bool IsToBeFrozen
    {
        get
        {
            try
            {
                return TryFindFreezer() switch
                {
                    { IsUnified: true } unified => unified.Read(Frozen) is "1" || IsFrozen,
                    { } old => old.Read(OldFrozen) is not "THAWED",
                    null => false,
                };
            }
            catch (LinuxException gone) when (IsGone(gone))
            {
                return false;
            }
        }
    }

    /// <summary>
    /// Stops all processes in it and in the groups below, and completes when they are stopped; again is harmless.
    /// Those that enter later stop, too.
    /// </summary>
    /// <exception cref="LimitNotSupportedException">This host has no freezer.</exception>
    /// <exception cref="LinuxException">ETIMEDOUT: a process did not stop in five seconds, as one that waits for a
    /// device does not; nothing stays stopped. ENOENT or ENODEV: the group is gone.</exception>
    public async Task FreezeAsync(CancellationToken cancellationToken = default)
    {
        var directory = Freezer();
        try
        {
            await FreezeAsync(directory, isFrozen: true, cancellationToken).ConfigureAwait(false);
        }
        catch
        {
            Thaw();
            throw;
        }
    }

    /// <summary>
    /// Lets all processes in it go on, but for those in groups below that are frozen themselves, and completes when
    /// they do; again is harmless.
    /// </summary>
    /// <exception cref="LimitNotSupportedException">This host has no freezer.</exception>
    /// <exception cref="LinuxException">ETIMEDOUT: the group above is frozen. ENOENT or ENODEV: the group is
    /// gone.</exception>
    public Task ThawAsync(CancellationToken cancellationToken = default) =>
        FreezeAsync(Freezer(), isFrozen: false, cancellationToken);

    /// <summary>Whether what is frozen in it is not killed before it is thawed.</summary>
    internal bool HoldsBackKills => _directories[0] is { IsUnified: false };

    /// <summary>Lets them go on without waiting for it; harmless when it is gone.</summary>
    internal void Thaw() => IfThere(() => SetFrozen(Freezer(), isFrozen: false));

    /// <summary>Lets all go on, in the groups below, too: what is frozen in version 1 does not die.</summary>
    private void ThawAll()
    {
        if (TryFindFreezer() is { IsUnified: false } freezer)
        {
            IfThere(() => freezer.Walk().Prepend(".").ToList().ForEach(path => IfThere(
                () => freezer.Write($"{path}/{OldFrozen}", "THAWED"))));
        }
    }

    internal static bool IsGone(LinuxException failure) => failure.Errno is Errno.ENOENT or Errno.ENODEV;

    /// <summary>Does something with a group or a directory of it that may be gone.</summary>
    private static void IfThere(Action change)
    {
        try
        {
            change();
        }
        catch (LinuxException gone) when (IsGone(gone))
        {
        }
    }

    private static void SetFrozen(CgroupDirectory directory, bool isFrozen)
    {
        if (directory.IsUnified)
        {
            directory.Write(Frozen, isFrozen ? "1" : "0");
        }
        else
        {
            directory.Write(OldFrozen, isFrozen ? "FROZEN" : "THAWED");
        }
    }

    private async Task FreezeAsync(CgroupDirectory directory, bool isFrozen, CancellationToken cancellationToken)
    {
        var start = Stopwatch.GetTimestamp();
        SetFrozen(directory, isFrozen);
        for (var delay = 1; IsFrozen != isFrozen; delay = Math.Min(2 * delay, 20))
        {
            if (Stopwatch.GetElapsedTime(start) > LongestFreeze)
            {
                throw new LinuxException("write", Errno.ETIMEDOUT, directory.Path);
            }

            await Task.Delay(delay, cancellationToken).ConfigureAwait(false);
            SetFrozen(directory, isFrozen); // version 1 may miss a process that was born meanwhile; no group is made
        }
    }

    private CgroupDirectory? TryFindFreezer() =>
        _directories.Find(directory => directory.IsUnified || directory.Controllers.Contains(CgroupHost.Freezer));

    private CgroupDirectory Freezer() => TryFindFreezer() ?? throw new LimitNotSupportedException(
        $"The cgroup '{Path}' has nothing to freeze with: mount version 2, or version 1's freezer, for this user.");
}
