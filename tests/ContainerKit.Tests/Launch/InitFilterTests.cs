using System.Runtime.InteropServices;
using ContainerKit.Launch;
using ContainerKit.Linux;
using ContainerKit.Tests.Security;

namespace ContainerKit.Tests.Launch;

public class InitFilterTests
{
    private static readonly FilterMachine Machine = new(InitFilter.Bytes);

    private static readonly uint Own =
        RuntimeInformation.ProcessArchitecture is Architecture.X64 ? 0xC000003E : 0xC00000B7;

    [Fact]
    public void An_init_may_make_the_calls_of_its_role_and_no_others()
    {
        var allowed = Enumerable.Range(0, 1000).Append(0x40000000 + 61).Append(-1).Where(
            number => Machine.Run(Own, (uint)number, ulong.MaxValue).Answer == SeccompAction.Allow.Value);

        Assert.Equal(
            ["close_range", "exit_group", "kill", "rt_sigtimedwait", "wait4", "write"],
            allowed.Select(number => SyscallTable.NamesOf(RuntimeInformation.ProcessArchitecture)[number]).Order());
    }

    [Fact]
    public void Any_other_call_kills_it()
    {
        Assert.Equal(SeccompAction.KillProcess.Value, Machine.Run(Own, 9).Answer);
        Assert.Equal(SeccompAction.KillProcess.Value, Machine.Run(0x40000003, 4).Answer);
    }
}
