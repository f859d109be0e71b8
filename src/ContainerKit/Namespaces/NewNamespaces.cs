using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>
/// What makes namespaces that no process is in: a launcher that makes them, and ends once they are open.
/// </summary>
internal sealed class NewNamespaces
{
    private readonly NamespaceKinds _kinds;
    private readonly NamespaceOptions _options;
    private readonly RangesIdMap? _ids;

    /// <summary>Namespaces with these options.</summary>
    /// <exception cref="ArgumentException">They cannot be meant.</exception>
    public NewNamespaces(NamespaceKinds kinds, NamespaceOptions options)
    {
        (_kinds, _options) = (kinds, options);
        Check(kinds is not NamespaceKinds.None && (kinds & ~NamespaceKinds.All) == 0, $"There is no kind {kinds}.");
        Check(!kinds.HasFlag(NamespaceKinds.Pid),
            "A pid namespace lives only while its PID 1 does: start a Container, and open its with OpenNamespaces.");
        Check(options.HostName is null or { Length: > 0 and <= 64 } && options.HostName?.Contains('\0') is not true,
            "HostName has 1 to 64 bytes without NUL.");
        Check(options.HostName is null || kinds.HasFlag(NamespaceKinds.Uts), "HostName needs a UTS namespace.");
        Check(options.TimeOffsets.IsNone || kinds.HasFlag(NamespaceKinds.Time),
            "TimeOffsets needs a time namespace.");
        Check(options.Owner is null or { Kind: NamespaceKinds.User }, "Owner must be a user namespace.");
        Check(options.Owner is null || !kinds.HasFlag(NamespaceKinds.User),
            "A user namespace that is made owns the others: leave Owner out.");
        Sysctls.Validate(options.Sysctls, kinds);
        _ids = kinds.HasFlag(NamespaceKinds.User) ? options.IdMap.ForNamespace() : null;
    }

    /// <summary>Where the launcher is run from.</summary>
    public Launcher Launcher => _options.Launcher;

    /// <summary>The plan of the launcher, which says when the user namespace is made, and when all are.</summary>
    public LaunchPlan Plan() => LaunchPlan.Making(this, plan =>
    {
        if (_options.Owner is { } owner)
        {
            plan.Outside.Join(plan.Inherit(owner.File), CloneFlags.CLONE_NEWUSER);
        }

        if (_ids is not null)
        {
            plan.Outside.Unshare(CloneFlags.CLONE_NEWUSER);
            plan.SayAndWait();
        }

        AddOthers(plan.Outside);
    });

    /// <summary>Maps the ids, and waits until all is made.</summary>
    public async Task FinishAsync(NamespaceMaker maker, CancellationToken cancellationToken)
    {
        if (_ids is not null)
        {
            await maker.Said.WaitAsync(cancellationToken).ConfigureAwait(false);
            await MappedNamespace.MapAsync(_ids, maker.ProcessId, cancellationToken).ConfigureAwait(false);
            maker.GoOn();
        }

        await maker.Said.WaitAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <inheritdoc/>
    public override string ToString() => $"the new namespaces ({_kinds})";

    private void AddOthers(LaunchStage stage)
    {
        var others = _kinds & ~NamespaceKinds.User;
        if (others is not NamespaceKinds.None)
        {
            stage.Unshare((CloneFlags)others);
        }

        if (_kinds.HasFlag(NamespaceKinds.Mount))
        {
            stage.CutPropagation();
        }

        if (_kinds.HasFlag(NamespaceKinds.Network))
        {
            stage.LoopbackUp();
        }

        if (_options.HostName is { } name)
        {
            stage.SetHostName(name);
        }

        if (!_options.TimeOffsets.IsNone)
        {
            stage.SetTimeOffsets($"{_options.TimeOffsets}");
        }

        foreach (var (setting, value) in _options.Sysctls)
        {
            stage.WriteFile(Descriptor.WorkingDirectory, $"/proc/{Sysctls.PathOf(setting)}", value);
        }
    }

    private static void Check(bool holds, string complaint)
    {
        if (!holds)
        {
            throw new ArgumentException(complaint);
        }
    }
}
