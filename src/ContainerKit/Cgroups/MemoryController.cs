using System.Globalization;

namespace ContainerKit;

/// <summary>How much memory processes have: memory.max, memory.high, memory.low, memory.min, memory.swap.max.</summary>
internal sealed class MemoryController : CgroupController
{
    private const string
        Max = "memory.max", High = "memory.high", Low = "memory.low", Min = "memory.min", Swap = "memory.swap.max",
        OomGroup = "memory.oom.group", Current = "memory.current", Reclaim = "memory.reclaim",
        OldMax = "memory.limit_in_bytes", OldWithSwap = "memory.memsw.limit_in_bytes";

    /// <inheritdoc/>
    public override string Name => "memory";

    /// <inheritdoc/>
    public override bool Concerns(CgroupLimits limits) =>
        limits.Memory is not null || limits.MemoryHigh is not null || limits.MemoryLow is not null
        || limits.MemoryMin is not null || limits.Swap is not null || limits.OomGroup is not null;

    /// <inheritdoc/>
    public override void Write(CgroupDirectory directory, CgroupLimits limits)
    {
        if (!directory.IsUnified)
        {
            WriteOld(directory, limits);
            return;
        }

        if (limits.Memory is { Value: { } most })
        {
            MakeRoom(directory, most);
        }

        WriteLimit(directory, Min, limits.MemoryMin);
        WriteLimit(directory, Low, limits.MemoryLow);
        WriteLimit(directory, High, limits.MemoryHigh);
        WriteLimit(directory, Max, limits.Memory);
        if (limits.Swap is not null && !directory.Has(Swap))
        {
            throw new LimitNotSupportedException("This kernel does not count swap: boot it with swapaccount=1.");
        }

        WriteLimit(directory, Swap, limits.Swap);
        if (limits.OomGroup is { } isGroup)
        {
            directory.Write(OomGroup, isGroup ? "1" : "0");
        }
    }

    /// <inheritdoc/>
    public override CgroupLimits Read(CgroupDirectory directory, CgroupLimits limits)
    {
        if (directory.IsUnified)
        {
            return limits with
            {
                Memory = Limit.Parse(directory.Read(Max)),
                MemoryHigh = Limit.Parse(directory.Read(High)),
                MemoryLow = Limit.Parse(directory.Read(Low)),
                MemoryMin = Limit.Parse(directory.Read(Min)),
                Swap = directory.Has(Swap) ? Limit.Parse(directory.Read(Swap)) : null,
                OomGroup = directory.Read(OomGroup) is "1",
            };
        }

        var memory = ReadOld(directory, OldMax);
        return limits with { Memory = memory, Swap = ReadOldSwap(directory) };
    }

    /// <summary>
    /// Version 2 kills when a new limit is below what is in use; version 1 refuses it, and so do we.
    /// </summary>
    private static void MakeRoom(CgroupDirectory directory, long most)
    {
        if (Used(directory) <= most)
        {
            return;
        }

        if (directory.Has(Reclaim))
        {
            try
            {
                directory.Write(Reclaim, (Used(directory) - most).ToString(CultureInfo.InvariantCulture));
            }
            catch (LinuxException failure) when (failure.Errno is Errno.EAGAIN)
            {
                // Less was freed than asked for: it is seen below whether that is enough.
            }
        }

        if (Used(directory) > most)
        {
            throw new LinuxException("write", Errno.EBUSY, $"{directory.Path}/{Max}");
        }
    }

    private static long Used(CgroupDirectory directory) =>
        long.Parse(directory.Read(Current), CultureInfo.InvariantCulture);

    private static void WriteLimit(CgroupDirectory directory, string file, Limit? limit)
    {
        if (limit is { } given)
        {
            directory.Write(file, given.ToString());
        }
    }

    private static void WriteOld(CgroupDirectory directory, CgroupLimits limits)
    {
        RequireUnified(limits.MemoryHigh, High);
        RequireUnified(limits.MemoryLow, Low);
        RequireUnified(limits.MemoryMin, Min);
        RequireUnified(limits.OomGroup, OomGroup);
        if (limits.Swap is not null && !directory.Has(OldWithSwap))
        {
            throw new LimitNotSupportedException("This kernel does not count swap: boot it with swapaccount=1.");
        }

        var memory = limits.Memory ?? ReadOld(directory, OldMax);
        var swap = limits.Swap ?? ReadOldSwap(directory) ?? Limit.Unlimited;
        if (swap.Value is not null && memory.Value is null)
        {
            throw new LimitNotSupportedException(
                "Cgroups of version 1 limit memory and swap together: limit Memory, too.");
        }

        Limit both = swap.Value is { } more && more < long.MaxValue - memory.Value!.Value
            ? memory.Value.Value + more
            : Limit.Unlimited;
        try
        {
            directory.Write(OldMax, Old(memory));
            WriteBoth();
        }
        catch (LinuxException failure) when (failure.Errno is Errno.EINVAL)
        {
            WriteBoth(); // both together may not be less than the memory, at any time
            directory.Write(OldMax, Old(memory));
        }

        void WriteBoth()
        {
            if (limits.Swap is not null || swap.Value is not null)
            {
                directory.Write(OldWithSwap, Old(both));
            }
        }
    }

    private static string Old(Limit limit) => limit.Value is null ? "-1" : limit.ToString();

    private static Limit ReadOld(CgroupDirectory directory, string file)
    {
        const long none = long.MaxValue - (64 << 10); // in whole pages, of any size
        var value = long.Parse(directory.Read(file), CultureInfo.InvariantCulture);
        return value >= none ? Limit.Unlimited : value;
    }

    private static Limit? ReadOldSwap(CgroupDirectory directory) =>
        !directory.Has(OldWithSwap) ? null
        : ReadOld(directory, OldWithSwap).Value is { } both ? both - (ReadOld(directory, OldMax).Value ?? 0)
        : Limit.Unlimited;
}
