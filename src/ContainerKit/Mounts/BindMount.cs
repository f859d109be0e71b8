using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A directory or file of the host, by its path.</summary>
public sealed record BindMount : HostMount
{
    /// <summary>Shows <paramref name="source"/> of the host at <paramref name="target"/>.</summary>
    public BindMount(string source, string target)
        : base(target) => Source = source;

    /// <summary>The absolute path of the directory or file on the host; links are followed.</summary>
    public string Source { get; init; }

    internal override void Validate()
    {
        base.Validate();
        HostPath.Validate(Source, "source");
    }

    private protected override FileStatus Status() => HostPath.Status(Source);

    private protected override FileStatus ParentStatus() => HostPath.Status($"{Source}/..");

    private protected override Descriptor CloneInside(LaunchPlan plan, OpenTreeFlags flags) =>
        plan.Inside.CloneTree(Descriptor.WorkingDirectory, Source, flags);

    private protected override void CloneOutside(LaunchPlan plan, OpenTreeFlags flags) =>
        plan.WithHost.CloneTree(Descriptor.WorkingDirectory, Source, flags);
}
