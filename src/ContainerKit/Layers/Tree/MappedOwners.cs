using ContainerKit.Launch;
using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Files get the archive's numbers as a user namespace has them: this user makes them all, and at the end a launcher in
/// the namespace gives away what belongs to others, thousands at a time.
/// </summary>
internal sealed class MappedOwners(MappedIds ids) : TreeOwners
{
    private const string Cause = "the owners of unpacked files";

    /// <summary>Below the number of results that a plan can keep.</summary>
    private const int BatchSize = 4000;

    private readonly (uint User, uint Group) _maker = (ids.OwnUser, ids.OwnGroup);
    private readonly List<PendingOwner> _pending = [];

    public override bool AreLater => true;

    public override bool AreMakers(uint user, uint group) => (user, group) == _maker;

    public override void Keep(PendingOwner owner)
    {
        Check(ids.Map.Users, owner.User, "uid", owner);
        Check(ids.Map.Groups, owner.Group, "gid", owner);
        _pending.Add(owner);
    }

    public override void Change(SafeFileHandle file, uint user, uint group)
    {
    }

    public override void ChangeNamed(SafeFileHandle file, uint user, uint group)
    {
    }

    public override async Task CompleteAsync(SafeFileHandle root, CancellationToken cancellationToken)
    {
        if (_pending.Count == 0)
        {
            return;
        }

        using var resident = await ids.ResideAsync(Cause, cancellationToken).ConfigureAwait(false);
        for (var first = 0; first < _pending.Count; first += BatchSize)
        {
            var batch = LaunchPlan.Opening(Cause, _ => { }, stage => AddTo(stage, first));
            (await resident.OpenAsync(batch, cancellationToken, root).ConfigureAwait(false)).Dispose();
        }

        _pending.Clear();
    }

    private static void Check(IdRanges ranges, uint id, string field, PendingOwner owner)
    {
        if (!ranges.Contains(id))
        {
            throw new InvalidImageException(
                FormattableString.Invariant($"It belongs to {id}, whom the map of {ranges} lacks: map more ids."), null,
                TarEntry.Printable(owner.Path.Span), field, FormattableString.Invariant($"{id}"));
        }
    }

    private Descriptor AddTo(LaunchStage stage, int first)
    {
        var root = Descriptor.Received(0);
        for (var i = first; i < Math.Min(first + BatchSize, _pending.Count); i++)
        {
            AddTo(stage, root, _pending[i]);
        }

        return root; // what the host gets once all is done
    }

    private static void AddTo(LaunchStage stage, Descriptor root, PendingOwner owner)
    {
        const OpenFlags toChange = OpenFlags.O_RDONLY | OpenFlags.O_NONBLOCK | OpenFlags.O_NOCTTY;
        var path = owner.Path.IsEmpty ? "."u8 : owner.Path.Span;
        var file = stage.OpenBelow(root, path, owner.HasMore ? toChange : OpenFlags.O_PATH);
        stage.ChangeOwner(file, owner.User, owner.Group);
        if (owner.Mode is { } mode)
        {
            stage.ChangeMode(file, mode);
        }

        if (!owner.Capabilities.IsEmpty)
        {
            stage.SetAttribute(file, "security.capability", owner.Capabilities.Span);
        }

        stage.Close(file);
    }
}
