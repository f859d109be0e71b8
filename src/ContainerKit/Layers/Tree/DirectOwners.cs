using ContainerKit.Linux;
using Microsoft.Win32.SafeHandles;

namespace ContainerKit;

/// <summary>Files get the archive's numbers; it takes root.</summary>
internal sealed class DirectOwners : TreeOwners
{
    private readonly (uint User, uint Group) _maker = (Syscall.EffectiveUser, Syscall.EffectiveGroup);

    // A user namespace gives the capability, and the kernel no device to whoever lives in one.
    public override bool MakesDevices { get; } = Syscall.Has(Capability.CAP_MKNOD)
        && File.ResolveLinkTarget("/proc/self/ns/user", returnFinalTarget: false)?.Name == "user:[4026531837]";

    public override bool LeavesOutAttributes => false;

    public override bool AreMakers(uint user, uint group) => (user, group) == _maker;

    public override void Change(SafeFileHandle file, uint user, uint group) => Syscall.ChangeOwner(file, user, group);

    public override void ChangeNamed(SafeFileHandle file, uint user, uint group) =>
        Syscall.ChangeOwnerOfNamed(file, user, group);
}
