using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>A program that was started in a container beside the one that the container was made for.</summary>
internal sealed class ExecutedProcess(
    ContainerEntrance entrance, ContainerOptions options, LaunchedProcess launched, StandardStreams streams)
    : ContainerProcess(options, launched, streams)
{
    private protected override void OnEnd(ExitStatus? status, Exception? failure) => entrance.Forget(this);
}
