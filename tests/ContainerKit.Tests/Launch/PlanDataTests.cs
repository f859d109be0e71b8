using ContainerKit.Launch;

namespace ContainerKit.Tests;

public class PlanDataTests
{
    [Fact]
    public void A_text_with_a_NUL_is_refused() =>
        Assert.Contains("'a␀b'", Assert.Throws<ArgumentException>(() => PlanData.First().Add("a\0b")).Message);

    [Fact]
    public void Bytes_may_hold_zeros()
    {
        using var data = PlanData.First();
        var address = data.Add([1, 0, 2]);

        Assert.Equal([1, 0, 2, 0], data.Content[(int)(address - PlanData.PlanAddress)..].ToArray());
    }

    [Fact]
    public void A_structure_lies_at_a_multiple_of_eight()
    {
        using var data = PlanData.First();
        data.Add("abc");

        Assert.Equal(0, data.Add(1UL) % 8);
        Assert.Equal(0, data.Reserve(1) % 8);
        Assert.Equal(0, data.Reserve(1) % 8);
    }

    [Fact]
    public void Reserved_bytes_are_zero_though_the_buffer_was_used_before()
    {
        for (var i = 0; i < 3; i++)
        {
            using var data = PlanData.First();
            var address = data.Reserve(8000);
            Assert.Equal(-1, data.Content[(int)(address - PlanData.PlanAddress)..].IndexOfAnyExcept((byte)0));
            data.Add(Enumerable.Repeat((byte)0xff, 12_000).ToArray());
        }
    }

    [Fact]
    public void A_list_of_texts_survives_the_growth_of_the_plan()
    {
        using var data = PlanData.First();
        var texts = Enumerable.Range(0, 10_000).Select(i => $"argument {i} with some length, and ü").ToArray();

        Assert.Equal(texts, data.TextsAt(data.Add(texts)));
    }

    [Fact]
    public void A_cleared_plan_begins_anew()
    {
        using var data = PlanData.First();
        var (address, result) = (data.Add("text"), data.NewResult());
        data.Clear();

        Assert.Equal((address, result), (data.Add("text"), data.NewResult()));
    }

    [Fact]
    public void Results_lie_apart_below_the_plan_and_are_numbered_in_order()
    {
        using var data = PlanData.First();
        var (first, next) = (data.NewResult(), data.NewResult());

        Assert.Equal([8, 9], new[] { first, next }.Select(PlanData.ResultNumber).Cast<int>());
        Assert.InRange(first, PlanData.PlanAddress - 0x10000, PlanData.PlanAddress - 1);
    }

    [Fact]
    public void More_results_than_a_plan_can_hold_are_refused()
    {
        using var data = PlanData.Second();
        var given = new HashSet<long>();
        var refusal = Assert.Throws<ArgumentException>(() =>
        {
            while (given.Add(data.NewResult()))
            {
            }
        });

        Assert.Contains("more mounts and files than one plan can hold", refusal.Message);
        Assert.All(given, address =>
            Assert.InRange(address, PlanData.PlanAddress - 0x10000, PlanData.ChildStack - 0x1000 - sizeof(int)));
        Assert.True(given.Count > 15_000);
    }

    [Fact]
    public void A_first_part_ends_where_the_second_begins()
    {
        using var data = PlanData.First();
        data.Reserve(PlanData.FirstPartSize - data.Length);

        Assert.Contains("than one plan can hold", Assert.Throws<ArgumentException>(() => data.Add(0)).Message);
    }
}
