namespace ContainerKit.KernelTests.Cgroups;

/// <summary>Where tests make groups, and what they put in these.</summary>
internal static class TestCgroups
{
    private static int _last;

    /// <summary>Makes a group of its own where this user may.</summary>
    public static Cgroup Create(CgroupLimits? limits = null) =>
        Cgroup.Create($"{Parent.TrimEnd('/')}/{NewName()}", limits);

    /// <summary>Makes a group for threads of this process.</summary>
    public static async Task<Cgroup> CreateForThreadsAsync(CgroupLimits? limits = null)
    {
        if (!IsPureVersion2)
        {
            return Create(limits);
        }

        await using var own = Cgroup.OfThisProcess();
        return own.CreateThreadedChild(NewName(), limits);
    }

    /// <summary>A name that nobody else has.</summary>
    public static string NewName() =>
        FormattableString.Invariant($"ck-test-{Environment.ProcessId}-{Interlocked.Increment(ref _last)}");

    /// <summary>The group in which this user makes others.</summary>
    public static string Parent => CgroupFactAttribute.Parent!;

    /// <inheritdoc cref="CgroupFactAttribute.IsPureVersion2"/>
    public static bool IsPureVersion2 => CgroupFactAttribute.IsPureVersion2;

    /// <summary>Starts a process of this user, and moves it into a group.</summary>
    public static Resting Rest(Cgroup group, string script = "exec sleep 1000")
    {
        var process = Resting.Start(script);
        group.Move(process.Id);
        process.Go();
        return process;
    }
}
