using System.Runtime.InteropServices;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>What launcher.c makes of steps, on this machine.</summary>
public class LauncherTests : LauncherBehaviour
{
    private protected override Architecture Architecture => RuntimeInformation.ProcessArchitecture;

    [Fact]
    public async Task A_child_that_shares_memory_goes_on_with_the_next_step_and_leaves_its_parent_alone()
    {
        var failing = 0; // which qemu refuses to make
        var (status, failure) = await Run(plan =>
        {
            plan.Fork(sharesMemory: true, child: () =>
            {
                plan.Add(stage => stage.MakeDirectory(Descriptor.WorkingDirectory, Directory["made"], 0x1ED));
                failing = plan.Next;
                plan.Add(stage => stage.Open(Descriptor.WorkingDirectory, Directory["missing"], OpenFlags.O_PATH));
                plan.Exit(1);
            });
            plan.WaitForChild();
            plan.Exit(7);
        });

        Assert.Equal(new Failure(0, failing, -(long)Errno.ENOENT), failure);
        Assert.Equal(7, status.ExitCode);
        Assert.True(System.IO.Directory.Exists(Directory["made"]));
    }

    [Fact]
    public async Task An_init_reaps_orphans_without_taking_them_for_its_program()
    {
        const int PR_SET_CHILD_SUBREAPER = 36; // of a user of the launcher that is not PID 1; qemu refuses it
        using var run = new LauncherRun(Architecture, (plan, control) =>
        {
            plan.Add(stage => stage.Prctl((PrctlOption)PR_SET_CHILD_SUBREAPER, 1));
            var program = plan.Fork(child: () =>
            {
                plan.Fork(child: () =>
                {
                    plan.Fork(child: () => plan.Exit(1));
                    plan.Exit(2);
                });
                plan.WaitForChild(); // the one in between; its child becomes the init's
                plan.Add(stage => stage.ReadByte(Descriptor.Number(0)));
                plan.Exit(6);
            });
            plan.Add(stage => stage.Init(control, program));
        });

        await Eventually.Holds(
            () => ProcessTree.ChildrenOf(run.Id).Count == 1,
            () => $"The init should have only its program left, not [{string.Join(", ", ProcessTree.Below(run.Id))}].");
        run.WriteInput("\n");
        var (message, _) = (await run.ReadMessage())!.Value;

        Assert.Equal(6, new WaitStatus(message.Status).ExitCode);
        run.Reap();
    }
}
