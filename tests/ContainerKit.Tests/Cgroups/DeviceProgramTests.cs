using ContainerKit.Linux;

namespace ContainerKit.Tests.Cgroups;

/// <summary>Rules become a program, which prints as the kernel's own listings do.</summary>
public class DeviceProgramTests
{
    [Fact]
    public void A_rule_allows_when_kind_access_and_numbers_are_its_own() =>
        Assert.Equal("""
            r2 = *(u32 *)(r1 +0)
            w2 &= 0xfff9ffff
            if r2 != 2 goto +6
            r2 = *(u32 *)(r1 +4)
            if r2 != 1 goto +4
            r2 = *(u32 *)(r1 +8)
            if r2 != 3 goto +2
            r0 = 1
            exit
            r0 = 0
            exit
            """, Listing(new DeviceRule(DeviceKind.Character, 1, 3, DeviceAccess.Read | DeviceAccess.Write)));

    [Fact]
    public void A_number_that_may_be_any_is_not_looked_at() =>
        Assert.Equal("""
            r2 = *(u32 *)(r1 +0)
            w2 &= 0xfffeffff
            if r2 != 1 goto +4
            r2 = *(u32 *)(r1 +8)
            if r2 != 1048575 goto +2
            r0 = 1
            exit
            r0 = 0
            exit
            """, Listing(new DeviceRule(DeviceKind.Block, null, 0xFFFFF, DeviceAccess.MakeNode)));

    [Fact]
    public void Either_kind_is_asked_for_by_itself_and_one_rule_after_the_other() =>
        Assert.Equal("""
            r2 = *(u32 *)(r1 +0)
            w2 &= 0xfff8ffff
            if r2 != 2 goto +2
            r0 = 1
            exit
            r2 = *(u32 *)(r1 +0)
            w2 &= 0xfff8ffff
            if r2 != 1 goto +2
            r0 = 1
            exit
            r0 = 0
            exit
            """, Listing(DeviceRule.All));

    [Fact]
    public void Without_a_rule_the_answer_is_no() =>
        Assert.Equal("""
            r0 = 0
            exit
            """, Listing());

    [Fact]
    public void An_instruction_is_encoded_as_the_kernel_reads_it()
    {
        Assert.Equal(new(0x1261, 8, 0), BpfInstruction.Load(2, 1, 8));
        Assert.Equal(new(0x0254, 0, -0x60001), BpfInstruction.And(2, 0xFFF9FFFF));
        Assert.Equal(new(0x0255, 6, 3), BpfInstruction.SkipUnless(2, 3, 6));
        Assert.Equal(new(0x00B7, 0, 1), BpfInstruction.Set(0, 1));
        Assert.Equal(new(0x0095, 0, 0), BpfInstruction.Exit);
    }

    private static string Listing(params DeviceRule[] rules) =>
        string.Join('\n', DeviceProgram.Compile(new(rules)));
}
