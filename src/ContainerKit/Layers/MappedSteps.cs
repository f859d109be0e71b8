using ContainerKit.Launch;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Does to a directory or a file what takes the capabilities of the user namespace that has its owners, in a launcher
/// there. Disposing ends that.
/// </summary>
internal sealed class MappedSteps(MappedIds ids, string cause) : IDisposable
{
    private Resident? _resident;

    /// <summary>
    /// Runs steps that get a descriptor and give one. It waits for them as it would for the same calls of its own.
    /// </summary>
    public SafeFileHandle Run(SafeFileHandle given, Func<LaunchStage, Descriptor, Descriptor> steps) =>
        RunAsync(given, steps).GetAwaiter().GetResult();

    /// <inheritdoc/>
    public void Dispose() => _resident?.Dispose();

    private async Task<SafeFileHandle> RunAsync(SafeFileHandle given, Func<LaunchStage, Descriptor, Descriptor> steps)
    {
        _resident ??= await ids.ResideAsync(cause, CancellationToken.None).ConfigureAwait(false);
        var part = LaunchPlan.Opening(cause, _ => { }, stage => steps(stage, Descriptor.Received(0)));
        return await _resident.OpenAsync(part, CancellationToken.None, given).ConfigureAwait(false);
    }
}
