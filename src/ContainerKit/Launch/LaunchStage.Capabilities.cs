using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

internal sealed partial class LaunchStage
{
    /// <summary>prctl(2) that drops capabilities from the bounding set, one after the other.</summary>
    public void DropFromBoundingSet(int first, int last)
    {
        Prctl(PrctlOption.PR_CAPBSET_DROP, first);
        (Last.Store, Last.StoreAs) = (last - first, StoreAs.Repeat);
    }

    /// <summary>prctl(2) that adds a capability, permitted and inheritable, to the ambient set.</summary>
    public void RaiseAmbient(Capability capability) =>
        Add(Call.ambient,
            (long)PrctlOption.PR_CAP_AMBIENT, (long)AmbientCommand.PR_CAP_AMBIENT_RAISE, (long)capability);

    /// <summary>capset(2): a bit for each capability that is effective, permitted or inheritable.</summary>
    public void SetCapabilities(ulong effective, ulong permitted, ulong inheritable)
    {
        const ulong _LINUX_CAPABILITY_VERSION_3 = 0x20080522; // and the process 0, which is this one
        ReadOnlySpan<uint> sets =
        [
            (uint)effective, (uint)permitted, (uint)inheritable, // of the first 32, then of the others
            (uint)(effective >> 32), (uint)(permitted >> 32), (uint)(inheritable >> 32),
        ];
        var header = Data.Add(_LINUX_CAPABILITY_VERSION_3);
        var address = Data.Reserve(MemoryMarshal.AsBytes(sets).Length);
        for (var i = 0; i < sets.Length; i++)
        {
            Data.Write(address + (i * sizeof(uint)), sets[i]);
        }

        Add(Call.capset, header, address);
    }
}
