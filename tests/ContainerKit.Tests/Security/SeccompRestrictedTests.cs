using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Tests.Security;

/// <summary>Which processes the profiles let a program make that has no namespaces, or no children.</summary>
public class SeccompRestrictedTests
{
    /// <summary>What pthread_create(3) asks for, and fork(3).</summary>
    private const ulong OfThread = 0x3D0F00, OfChild = 0x1200011;

    private static readonly SeccompAction
        NotPermitted = SeccompAction.Errno(Errno.EPERM), NotThere = SeccompAction.Errno(Errno.ENOSYS);

    /// <summary>Bits that the kernel passes over.</summary>
    private static readonly ulong[] Upper = [0, 1UL << 32, ~0UL << 32];

    private static readonly CloneFlags[] OfNamespaces =
    [
        CloneFlags.CLONE_NEWNS, CloneFlags.CLONE_NEWCGROUP, CloneFlags.CLONE_NEWUTS, CloneFlags.CLONE_NEWIPC,
        CloneFlags.CLONE_NEWUSER, CloneFlags.CLONE_NEWPID, CloneFlags.CLONE_NEWNET,
    ];

    /// <summary>Each profile of <see cref="SeccompProfile.WithoutNamespaces"/>, for each architecture.</summary>
    public static MatrixTheoryData<Architecture, bool, bool> Restricting { get; } =
        new([Architecture.X64, Architecture.Arm64], [true, false], [true, false]);

    [Theory]
    [MemberData(nameof(Restricting))]
    public void Without_namespaces_a_program_makes_threads_and_children_and_no_namespace(
        Architecture architecture, bool network, bool truncation)
    {
        var ask = Asking(SeccompProfile.WithoutNamespaces(network, truncation), architecture);
        foreach (var upper in Upper)
        {
            foreach (var flags in (ulong[])[OfThread | upper, OfChild | upper])
            {
                Assert.Equal(SeccompAction.Allow, ask("clone", flags));
                Assert.All(OfNamespaces, kind => Assert.Equal(NotPermitted, ask("clone", flags | (ulong)kind)));
            }

            Assert.All(OfNamespaces, kind => Assert.Equal(NotPermitted, ask("clone", (ulong)kind | upper)));
        }

        Assert.Equal(NotThere, ask("clone3", 0));
        Assert.All(
            SeccompCalls.In(
                "chroot fsconfig fsmount fsopen fspick mount mount_setattr move_mount open_tree pivot_root setns "
                + "umount2 unshare"),
            call => Assert.Equal(NotPermitted, ask(call, 0)));
    }

    [Theory]
    [MemberData(nameof(Restricting))]
    public void Without_namespaces_a_program_makes_no_child_of_its_supervisor(
        Architecture architecture, bool network, bool truncation)
    {
        var ask = Asking(SeccompProfile.WithoutNamespaces(network, truncation), architecture);
        ulong[] others = [0, OfThread, OfChild, (ulong)CloneFlags.CLONE_NEWUSER];
        foreach (var flags in others.SelectMany(other => Upper.Select(upper => other | upper)))
        {
            Assert.Equal(NotPermitted, ask("clone", flags | (ulong)CloneFlags.CLONE_PARENT));
        }
    }

    [Theory]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void A_single_process_makes_threads_and_no_process(Architecture architecture)
    {
        var ask = Asking(SeccompProfile.SingleProcess, architecture);
        foreach (var upper in Upper)
        {
            Assert.Equal(SeccompAction.Allow, ask("clone", OfThread | upper));
            Assert.Equal(NotPermitted, ask("clone", OfChild | upper));
            Assert.Equal(NotPermitted, ask("clone", (OfThread & ~(ulong)CloneFlags.CLONE_THREAD) | upper));
            Assert.Equal(NotPermitted, ask("clone", (ulong)CloneFlags.CLONE_PARENT | upper));
            Assert.All(OfNamespaces, kind => Assert.Equal(NotPermitted, ask("clone", (ulong)kind | upper)));
        }

        Assert.Equal(NotThere, ask("clone3", 0));
        Assert.All(
            ((string[])["fork", "vfork"]).Where(call => SyscallTable.NumberOf(call, architecture) is not null),
            call => Assert.Equal(NotPermitted, ask(call, 0)));
        Assert.Equal(SeccompAction.Allow, ask("execve", 0));
    }

    /// <summary>What a profile answers to a call with this first argument, of whoever has all capabilities.</summary>
    private static Func<string, ulong, SeccompAction> Asking(SeccompProfile profile, Architecture architecture)
    {
        var machine = new FilterMachine(SeccompFilter.Compile(profile, new(architecture, CapabilitySet.All)).Bytes);
        return (call, first) => SeccompAction.Of(
            machine.Run(
                architecture == Architecture.X64 ? 0xC000003E : 0xC00000B7,
                (uint)SyscallTable.NumberOf(call, architecture)!.Value, first).Answer);
    }
}
