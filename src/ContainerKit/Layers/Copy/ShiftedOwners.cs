using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>
/// Files get the ids of the host that a container's map has for the archive's numbers; it takes root. It is for file
/// systems that cannot be mounted with other ids.
/// </summary>
internal sealed class ShiftedOwners(RangesIdMap map) : TreeOwners
{
    /// <summary>The first of the ids, of which all containers on such copies have the same.</summary>
    public const uint First = IdBlocks.DefaultFirst + IdBlocks.DefaultCount; // which are IdMap.Automatic's

    public override bool MakesDevices => true;

    public override bool LeavesOutAttributes => false;

    /// <summary>The map with a first id.</summary>
    public static RangesIdMap MapFrom(uint first) => new(
        new("users", [new(0, first, IdBlocks.Size)]), new("groups", [new(0, first, IdBlocks.Size)]));

    public override bool AreMakers(uint user, uint group) => false;

    public override void Change(SafeFileHandle file, uint user, uint group) =>
        Syscall.ChangeOwner(file, Outside(map.Users, user, "uid"), Outside(map.Groups, group, "gid"));

    public override void ChangeNamed(SafeFileHandle file, uint user, uint group) =>
        Syscall.ChangeOwnerOfNamed(file, Outside(map.Users, user, "uid"), Outside(map.Groups, group, "gid"));

    private static uint Outside(IdRanges ranges, uint id, string field) =>
        ranges.Outside(id) ?? throw new InvalidImageException(
            FormattableString.Invariant($"A file belongs to {id}, whom no copy here can have: keep the store on a ")
                + "file system that can be mounted with other ids, such as ext4, xfs or btrfs.",
            field: field, value: FormattableString.Invariant($"{id}"));
}
