namespace ContainerKit.KernelTests.Cgroups;

/// <summary>
/// A process that does not end when it is killed: a freezer of version 1 holds it, of which its other groups know
/// nothing. Disposing lets it end.
/// </summary>
internal sealed class StuckProcess : IAsyncDisposable
{
    private const string Freezers = "/sys/fs/cgroup/freezer";

    private readonly Resting _process = Resting.Start("exec sleep 1000");
    private readonly string _freezer = $"{Freezers}{TestCgroups.Parent.TrimEnd('/')}/{TestCgroups.NewName()}";
    private bool _isFree;

    /// <summary>Whether there is such a freezer, which without version 2 would be the group's own.</summary>
    public static bool IsPossible => CgroupFactAttribute.HasVersion2 && Directory.Exists(Freezers);

    /// <summary>Puts it into a group, where it stays.</summary>
    public void Enter(Cgroup group)
    {
        Directory.CreateDirectory(_freezer);
        File.WriteAllText($"{_freezer}/cgroup.procs", $"{_process.Id}");
        File.WriteAllText($"{_freezer}/freezer.state", "FROZEN");

        // Before it enters the group: a frozen one would stop it first, and count it as stopped from then on.
        Assert.True(SpinWait.SpinUntil(
            () => File.ReadAllText($"{_freezer}/freezer.state") is "FROZEN\n", TimeFactor.Seconds(10)));
        group.Move(_process.Id);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (_isFree)
        {
            return;
        }

        _isFree = true;
        if (Directory.Exists(_freezer))
        {
            File.WriteAllText($"{_freezer}/freezer.state", "THAWED");
            await _process.EndAsync();
            Directory.Delete(_freezer);
        }

        _process.Dispose();
    }
}
