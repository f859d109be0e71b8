using System.Runtime.CompilerServices;

namespace ContainerKit;

/// <content>It is told when its processes wait for too long.</content>
public sealed partial class Cgroup
{
    private static readonly TimeSpan
        ShortestWindow = TimeSpan.FromMilliseconds(500), LongestWindow = TimeSpan.FromSeconds(10);

    /// <summary>
    /// Gives the pressure each time that the processes in it, and in the groups below, waited for something for
    /// <paramref name="stall"/> in all within <paramref name="window"/>, at most once in each: until it is cancelled,
    /// or the group is removed, or this is disposed. It counts from the first step of the enumeration on; what is
    /// reached again before the next is asked for is given once. psi(7).
    /// </summary>
    /// <param name="resource">What they wait for.</param>
    /// <param name="kind">Whether some of them wait, or all.</param>
    /// <param name="stall">Not longer than the window.</param>
    /// <param name="window">From 500 milliseconds to 10 seconds; without CAP_SYS_RESOURCE, in multiples of two seconds.
    /// </param>
    /// <param name="cancellationToken">Ends the enumeration.</param>
    /// <exception cref="ArgumentException">A time is out of its range.</exception>
    /// <exception cref="LimitNotSupportedException">This host does not tell, at the call; or not this user in this
    /// way, at the enumeration's first step.</exception>
    /// <exception cref="LinuxException">ENOENT: the group is gone.</exception>
    public IAsyncEnumerable<PressureStatistics> WatchPressureAsync(
        PressureResource resource, PressureKind kind, TimeSpan stall, TimeSpan window,
        CancellationToken cancellationToken = default)
    {
        var name = resource switch
        {
            PressureResource.Cpu => "cpu",
            PressureResource.Memory => "memory",
            PressureResource.Io => "io",
            _ => throw new ArgumentOutOfRangeException(nameof(resource), resource, "There is no such resource."),
        };
        var who = kind switch
        {
            PressureKind.Some => "some",
            PressureKind.Full => "full",
            _ => throw new ArgumentOutOfRangeException(nameof(kind), kind, "There is no such kind of pressure."),
        };
        ArgumentOutOfRangeException.ThrowIfLessThan(window, ShortestWindow);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(window, LongestWindow);
        ArgumentOutOfRangeException.ThrowIfLessThan(stall, TimeSpan.FromMicroseconds(1));
        ArgumentOutOfRangeException.ThrowIfGreaterThan(stall, window);
        RequireThere();
        var trigger = FormattableString.Invariant(
            $"{who} {(long)stall.TotalMicroseconds} {(long)window.TotalMicroseconds}");
        return Unified is { } unified && unified.Has(PressureWatch.FileOf(name))
            ? ReadPressureAsync(unified, name, trigger, cancellationToken)
            : throw new LimitNotSupportedException(
                $"The pressure on {name} of the cgroup '{Path}' is not counted: it needs version 2, a kernel that was "
                + "booted with psi=1, and 1 in cgroup.pressure.");
    }

    private async IAsyncEnumerable<PressureStatistics> ReadPressureAsync(
        CgroupDirectory directory, string resource, string trigger,
        [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        cancellationToken.ThrowIfCancellationRequested();
        using var watch = new PressureWatch(directory, resource, trigger);
        try
        {
            Start(watch);
            do
            {
                if (watch.Take() is { } pressure)
                {
                    yield return pressure;
                }
            }
            while (await watch.WaitAsync(cancellationToken).ConfigureAwait(false));
        }
        finally
        {
            Forget(watch);
        }
    }
}
