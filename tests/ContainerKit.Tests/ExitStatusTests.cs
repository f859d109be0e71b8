using ContainerKit.Launch;

namespace ContainerKit.Tests;

public class ExitStatusTests
{
    private static readonly ContainerOptions All = new() { Command = ["true"], Limits = new() { OomGroup = true } };

    [Fact]
    public void Who_is_killed_with_all_others_by_want_of_memory_is_told_unless_the_program_can_switch_that_off()
    {
        Assert.True(OfKilled(All).OomKilled);
        Assert.Null(OfKilled(All with { DelegateCgroup = true }).OomKilled);
        Assert.Null(OfKilled(All with { Limits = new() }).OomKilled);
    }

    private static ExitStatus OfKilled(ContainerOptions options) => ExitStatus.Of(
        new WaitStatus((int)Signal.SIGKILL),
        new CgroupStatistics { Memory = new() { OomKills = 1 }, Pids = new() { Peak = 5 } }, options);
}
