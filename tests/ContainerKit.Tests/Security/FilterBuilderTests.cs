using ContainerKit.Linux;

namespace ContainerKit.Tests.Security;

/// <summary>Filters are written from their end, however long they are.</summary>
public class FilterBuilderTests
{
    [Fact]
    public void A_test_leads_to_what_was_there_before_it()
    {
        var builder = new FilterBuilder();
        var (yes, no) = (builder.Return(1), builder.Return(2));
        builder.Load(0, builder.Test(FilterInstruction.IfEqual, 7, yes, no));

        Assert.Equal(
            ["ld [0]", "jeq #0x7, +1, +0", "ret #0x00000002", "ret #0x00000001"],
            Listing(builder));
    }

    [Fact]
    public void What_was_read_is_not_read_again()
    {
        var builder = new FilterBuilder();
        var (yes, no) = (builder.Return(1), builder.Return(2));
        var second = builder.Load(16, builder.Test(FilterInstruction.IfEqual, 8, yes, no));
        builder.Load(16, builder.Test(FilterInstruction.IfEqual, 7, yes, second, offset: 16));

        Assert.Equal(
            ["ld [16]", "jeq #0x7, +3, +1", "ld [16]", "jeq #0x8, +1, +0", "ret #0x00000002", "ret #0x00000001"],
            Listing(builder));
    }

    [Theory]
    [InlineData(253)]
    [InlineData(254)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(1000)]
    public void A_jump_leads_as_far_as_it_must(int between)
    {
        // Both ways are far: one to an end, of which there can be another nearby, one to a test.
        var builder = new FilterBuilder();
        var (end, other) = (builder.Return(1), builder.Return(2));
        var test = builder.Load(4, builder.Test(FilterInstruction.IfAtLeast, 5, end, other));
        var place = builder.Return(3);
        for (var i = 0; i < between; i++)
        {
            place = builder.Load(0, place);
        }

        builder.Load(
            0, builder.Test(FilterInstruction.IfEqual, 7, test, builder.Test(FilterInstruction.IfGreater, 7, end, test)));
        var machine = new FilterMachine(builder.ToBytes());

        Assert.Equal(1U, machine.Run(table: 0, number: 8).Answer);
        Assert.Equal(1U, machine.Run(table: 5, number: 7).Answer);
        Assert.Equal(2U, machine.Run(table: 4, number: 7).Answer);
        Assert.Equal(2U, machine.Run(table: 4, number: 6).Answer);
        Assert.Equal(1U, machine.Run(table: 5, number: 6).Answer);
    }

    private static IEnumerable<string> Listing(FilterBuilder builder)
    {
        var filter = builder.ToBytes();
        return Enumerable.Range(0, builder.Count).Select(number => $"{FilterInstruction.In(filter, number)}");
    }
}
