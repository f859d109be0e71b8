using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.Tests;

public class LaunchFailureTests
{
    [Fact]
    public void A_failed_step_is_named_with_its_cause_call_errno_and_remedy()
    {
        using var plan = new LaunchPlan();
        plan.Because("the command 'x'");
        plan.Outside.NewSession();
        plan.Program.Execute(["/x"], ["x"], []);
        var failure = LaunchFailure.Describe(plan, new(1, 0, -2));

        Assert.Equal("execve(\"/x\", [\"x\"], [])", failure.Step);
        Assert.Equal("the command 'x'", failure.Cause);
        Assert.Equal(("execve", Errno.ENOENT), (failure.Call, failure.Errno));
        Assert.Contains("interpreter", failure.Hint);
        Assert.StartsWith("the command 'x': execve(\"/x\", [\"x\"], []) failed: ENOENT. ", failure.Message);
    }

    [Fact]
    public void Ids_that_cannot_be_mapped_have_a_remedy_of_their_own()
    {
        using var plan = new LaunchPlan();
        plan.Because("a mount");
        plan.Sync.SetMountAttributes(Descriptor.Number(3), MountAttributes.MOUNT_ATTR_RDONLY);
        plan.Sync.MapIds(Descriptor.Number(3), Descriptor.Number(4), recursive: true);

        Assert.Null(LaunchFailure.Describe(plan, new(0, 0, -22)).Hint);
        Assert.Contains("MapIds", LaunchFailure.Describe(plan, new(0, 2, -22)).Hint);
    }

    [Fact]
    public void A_failure_before_the_first_step_is_the_plans_memory()
    {
        using var plan = new LaunchPlan();
        plan.Outside.NewSession();
        var failure = LaunchFailure.Describe(plan, new(0, -1, -12));

        Assert.Equal(("mmap", Errno.ENOMEM), (failure.Call, failure.Errno));
        Assert.Contains("RLIMIT_AS", failure.Hint);
    }

    [Fact]
    public void A_result_that_is_too_small_is_an_input_output_error()
    {
        using var plan = new LaunchPlan();
        plan.Because("a file");
        plan.Root.Write(Descriptor.Number(3), plan.Root.Data.Add("text"), 4);

        Assert.Equal(Errno.EIO, LaunchFailure.Describe(plan, new(1, 0, 2)).Errno);
    }
}
