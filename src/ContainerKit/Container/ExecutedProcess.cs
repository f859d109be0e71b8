using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>A program that was started in a container beside the one that the container was made for.</summary>
internal sealed class ExecutedProcess(
    Container container, ContainerOptions options, LaunchedProcess launched, StandardStreams streams)
    : ContainerProcess(options, launched, streams)
{
    private protected override void OnEnd(ExitStatus? status, Exception? failure) => container.Forget(this);
}
