using System.Reflection;
using System.Runtime.InteropServices;
using ContainerKit.Linux;

namespace ContainerKit.Tests.Security;

public class SyscallTableTests
{
    [Theory]
    [InlineData("read", 0, 63)]
    [InlineData("open", 2, null)]
    [InlineData("sync_file_range2", null, null)]
    [InlineData("pidfd_send_signal", 424, 424)]
    [InlineData("file_setattr", 469, 469)]
    public void A_call_has_a_number_on_each_architecture_or_none(string name, int? x64, int? arm64)
    {
        Assert.Equal(x64, SyscallTable.NumberOf(name, Architecture.X64));
        Assert.Equal(arm64, SyscallTable.NumberOf(name, Architecture.Arm64));
        Assert.Equal(x64 is not null || arm64 is not null, SyscallTable.Has(name));
    }

    [Theory]
    [InlineData(Architecture.X64)]
    [InlineData(Architecture.Arm64)]
    public void No_number_is_twos(Architecture architecture)
    {
        var names = SyscallTable.NamesOf(architecture);
        Assert.Equal(469, SyscallTable.Newest(architecture));
        Assert.All(
            SyscallTable.Names.Where(name => SyscallTable.NumberOf(name, architecture) is not null),
            name => Assert.Equal(name, names[SyscallTable.NumberOf(name, architecture)!.Value]));
    }

    [Fact]
    public void What_plans_call_is_in_the_table_by_the_same_numbers() =>
        Assert.All(
            typeof(SyscallNumber).GetFields(BindingFlags.Static | BindingFlags.Public), field =>
            {
                var number = (SyscallNumber)field.GetValue(null)!;
                Assert.Equal(number.X64, SyscallTable.NumberOf(field.Name, Architecture.X64));
                Assert.Equal(number.Arm64, SyscallTable.NumberOf(field.Name, Architecture.Arm64));
            });
}
