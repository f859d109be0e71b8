using ContainerKit.Launch;

namespace ContainerKit;

/// <summary>A program of the host that runs in namespaces, and in no container.</summary>
internal sealed class NamespaceProcess(ContainerOptions options, LaunchedProcess launched, StandardStreams streams)
    : ContainerProcess(options, launched, streams)
{
    private protected override bool IsContained => false;

    private protected override void OnEnd(ExitStatus? status, Exception? failure)
    {
        // Nothing was made for it.
    }
}
