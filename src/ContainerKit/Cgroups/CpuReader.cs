namespace ContainerKit;

/// <summary>
/// Reads the time on CPUs: version 2 has it even where version 1 has the controller, which then knows of throttling,
/// and of threads that are in the group without their process.
/// </summary>
internal sealed class CpuReader : StatisticsReader
{
    private const long NanosecondsPerTick = 100;

    private readonly CgroupFile _unified, _oldUsage, _oldUser, _oldThrottling;

    public CpuReader(CgroupDirectory? unified, CgroupDirectory? cpu, CgroupDirectory? accounting)
    {
        _unified = Add(unified, "cpu.stat");
        var old = accounting is { IsUnified: false } ? accounting : null;
        _oldUsage = Add(old, "cpuacct.usage");
        _oldUser = Add(old, "cpuacct.usage_user");
        _oldThrottling = Add(cpu is { IsUnified: false } ? cpu : null, "cpu.stat");
    }

    public CpuStatistics? Read(Span<byte> buffer)
    {
        long user = 0, system = 0;
        long? usage = null, periods = null, throttled = null, time = null;
        var text = new CgroupText(_unified.Read(buffer));
        while (text.Next(out var key, out var value))
        {
            if (key.SequenceEqual("usage_usec"u8))
            {
                usage = value;
            }
            else if (key.SequenceEqual("user_usec"u8))
            {
                user = value;
            }
            else if (key.SequenceEqual("system_usec"u8))
            {
                system = value;
            }
            else if (key.SequenceEqual("throttled_usec"u8))
            {
                time = value * TimeSpan.TicksPerMicrosecond;
            }
            else
            {
                ReadPeriods(key, value, ref periods, ref throttled);
            }
        }

        text = new(_oldThrottling.Read(buffer));
        while (text.Next(out var key, out var value))
        {
            if (key.SequenceEqual("throttled_time"u8))
            {
                time = value / NanosecondsPerTick;
            }
            else
            {
                ReadPeriods(key, value, ref periods, ref throttled);
            }
        }

        var statistics = usage is null or 0 && _oldUsage.ReadNumber(buffer) is { } old
            ? OfVersion1(old, _oldUser.ReadNumber(buffer) ?? 0)
            : usage is { } known
            ? new CpuStatistics
            {
                Usage = Microseconds(known),
                User = Microseconds(user),
                System = Microseconds(system),
            }
            : null;
        return statistics is null ? null : statistics with
        {
            Periods = periods,
            ThrottledPeriods = throttled,
            Throttled = time is { } ticks ? new(ticks) : null,
        };
    }

    private static CpuStatistics OfVersion1(long usage, long user)
    {
        user = Math.Min(user, usage); // it is counted in whole ticks of the clock, all of it is not
        return new()
        {
            Usage = new(usage / NanosecondsPerTick),
            User = new(user / NanosecondsPerTick),
            System = new((usage - user) / NanosecondsPerTick),
        };
    }

    private static void ReadPeriods(ReadOnlySpan<byte> key, long value, ref long? periods, ref long? throttled)
    {
        if (key.SequenceEqual("nr_periods"u8))
        {
            periods = value;
        }
        else if (key.SequenceEqual("nr_throttled"u8))
        {
            throttled = value;
        }
    }
}
