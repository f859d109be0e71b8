namespace ContainerKit.KernelTests.Cgroups;

/// <summary>
/// A process that does not end when it is killed: a freezer of version 1 holds it, of which its other groups know
/// nothing. Disposing lets it end.
/// </summary>
internal sealed class StuckProcess : IAsyncDisposable
{
    private static readonly string Freezers = "/sys/fs/cgroup/freezer" + TestCgroups.Parent.TrimEnd('/');

    private readonly Resting _process = Resting.Start("exec sleep 1000");
    private readonly string _freezer = $"{Freezers}/{TestCgroups.NewName()}";
    private bool _isFree;

    /// <summary>Starts one; null on a host without that freezer, or where it holds back all kills.</summary>
    public static StuckProcess? TryStart() =>
        !TestCgroups.IsPureVersion2 && Directory.Exists(Freezers) ? new() : null;

    /// <summary>Puts it into a group, where it stays.</summary>
    public void Enter(Cgroup group)
    {
        group.Move(_process.Id);
        Directory.CreateDirectory(_freezer);
        File.WriteAllText($"{_freezer}/cgroup.procs", $"{_process.Id}");
        File.WriteAllText($"{_freezer}/freezer.state", "FROZEN");
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
