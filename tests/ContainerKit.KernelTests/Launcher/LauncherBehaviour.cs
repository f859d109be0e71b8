using System.Globalization;
using System.Runtime.InteropServices;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Tests of the run role.</summary>
public abstract partial class LauncherBehaviour : IDisposable
{
    private protected abstract Architecture Architecture { get; }

    private protected TempDirectory Directory { get; } = new();

    [Fact]
    public async Task The_result_of_a_step_is_an_argument_of_a_later_one()
    {
        var (status, failure) = await Run(plan =>
        {
            plan.Add(stage =>
            {
                stage.MakeDirectory(Descriptor.WorkingDirectory, Directory["made"], 0x1ED);
                var made = stage.Open(Descriptor.WorkingDirectory, Directory["made"], OpenFlags.O_PATH);
                stage.MakeFile(made, "file", 0x1A4, "content"u8);
                stage.MakeLink("file", made, "link");
            });
            plan.Exit(7);
        });

        Assert.Null(failure);
        Assert.Equal(7, status.ExitCode);
        Assert.Equal("content", File.ReadAllText(Directory["made/link"]));
    }

    [Fact]
    public async Task A_step_is_repeated_with_one_more_each_time()
    {
        var (_, failure) = await Run(plan =>
        {
            plan.Add(stage => stage.Duplicate(Descriptor.Number(3), 60));
            plan.Change((ref step) => (step.Store, step.StoreAs) = (3, StoreAs.Repeat));
            plan.Add(stage =>
            {
                for (var number = 60; number <= 64; number++)
                {
                    stage.Close(Descriptor.Number(number)); // the last is one too many
                }
            });
        });

        Assert.Equal(new Failure(0, 5, -(long)Errno.EBADF), failure);
    }

    [Fact]
    public async Task A_repeated_step_fails_when_one_of_the_calls_does()
    {
        var (_, failure) = await Run(plan =>
        {
            plan.Add(stage => stage.SetLimit(Resource.RLIMIT_NOFILE, 62, 62));
            plan.Add(stage => stage.Duplicate(Descriptor.Number(3), 60));
            plan.Change((ref step) => (step.Store, step.StoreAs) = (3, StoreAs.Repeat));
            plan.Exit(0);
        });

        Assert.Equal(new Failure(0, 1, -(long)Errno.EBADF), failure);
    }

    [Fact]
    public async Task A_failed_step_is_reported_with_its_number_and_errno()
    {
        var (status, failure) = await Run(plan => plan.Add(stage =>
        {
            stage.GetProcessId();
            stage.GetProcessId();
            stage.Open(Descriptor.WorkingDirectory, Directory["missing"], OpenFlags.O_RDONLY);
            stage.MakeDirectory(Descriptor.WorkingDirectory, Directory["after"], 0x1ED);
        }));

        Assert.Equal(new Failure(0, 2, -(long)Errno.ENOENT), failure);
        Assert.Equal(125, status.ExitCode);
        Assert.False(System.IO.Directory.Exists(Directory["after"]));
    }

    [Fact]
    public async Task A_failed_step_is_reported_where_the_setup_channel_was_moved_to()
    {
        var (_, failure) = await Run(plan => plan.Add(stage =>
        {
            // 0600
            var file =
                stage.Open(Descriptor.WorkingDirectory, Directory["file"], OpenFlags.O_CREAT | OpenFlags.O_RDWR, 0x180);
            stage.Duplicate(Descriptor.Number(3), 60);
            stage.KeepResultAt(PlanData.MovedSetup);
            stage.Duplicate(file, 3);
            stage.Open(Descriptor.WorkingDirectory, Directory["missing"], OpenFlags.O_RDONLY);
        }));

        Assert.Equal(new Failure(0, 3, -(long)Errno.ENOENT), failure);
        Assert.Empty(File.ReadAllBytes(Directory["file"]));
    }

    [Fact]
    public async Task A_tolerated_errno_is_no_failure_whichever_of_the_four_it_is()
    {
        Errno[] tolerated = [Errno.ENOENT, Errno.EPERM, Errno.ESRCH, Errno.EIO];
        foreach (var position in Enumerable.Range(0, 4))
        {
            var (status, failure) = await Run(plan =>
            {
                plan.Add(stage => stage.Open(Descriptor.WorkingDirectory, Directory["missing"], OpenFlags.O_RDONLY));
                plan.Change((ref step) =>
                {
                    for (var i = 0; i < 4; i++)
                    {
                        step.Tolerate(tolerated[(i + position) % 4]);
                    }
                });
                plan.Exit(0);
            });

            Assert.Null(failure);
            Assert.Equal(0, status.ExitCode);
        }
    }

    [Fact]
    public async Task An_errno_that_is_not_tolerated_fails_beside_others_that_are()
    {
        var (_, failure) = await Run(plan =>
        {
            plan.Add(stage =>
                stage.MakeDirectory(Descriptor.WorkingDirectory, Directory["missing/directory"], 0x1ED,
                    mayExist: true));
            plan.Exit(0);
        });

        Assert.Equal(Errno.ENOENT, failure?.Errno);
    }

    [Fact]
    public async Task A_step_that_needs_a_result_that_never_came_is_skipped()
    {
        var (status, failure) = await Run(plan =>
        {
            var missing =
                plan.Add(stage => stage.Open(Descriptor.WorkingDirectory, Directory["missing"], OpenFlags.O_RDONLY));
            plan.Change((ref step) => step.Tolerate(Errno.ENOENT));
            plan.Add(stage =>
            {
                stage.ReadByte(missing);
                stage.ChangeDirectory(missing);
                stage.Close(missing);
                stage.MakeDirectory(Descriptor.WorkingDirectory, Directory["after"], 0x1ED);
            });
            plan.Exit(0);
        });

        Assert.Null(failure);
        Assert.Equal(0, status.ExitCode);
        Assert.True(System.IO.Directory.Exists(Directory["after"]));
    }

    [Fact]
    public async Task A_result_below_the_least_is_a_failure_without_an_errno()
    {
        var (_, failure) = await Run(plan => plan.Add(stage =>
            stage.ReadByte(stage.Open(Descriptor.WorkingDirectory, Directory.Write("empty", ""), OpenFlags.O_RDONLY))));

        Assert.Equal(new Failure(0, 1, 0), failure);
    }

    [Fact]
    public async Task A_result_is_stored_as_digits_over_the_end_of_a_text()
    {
        using var run = new LauncherRun(Architecture, (plan, _) =>
        {
            plan.Add(stage =>
            {
                var text = plan.Data.Add("id 0000000000!");
                stage.GetProcessId();
                stage.KeepDigits(text + "id 0000000000".Length);
                stage.MakeFile(Descriptor.WorkingDirectory, Directory["file"], 0x1A4);
                stage.WriteFile(Descriptor.WorkingDirectory, Directory["file"], text, "id 0000000000!".Length);
            });
            plan.Exit(0);
        });

        Assert.Null(await run.ReadSetup());
        run.Reap();
        Assert.Equal($"id {run.Id.ToString("D10", CultureInfo.InvariantCulture)}!",
            File.ReadAllText(Directory["file"]));
    }

    [Fact]
    public async Task After_a_fork_the_child_goes_on_and_the_parent_jumps()
    {
        var (status, failure) = await Run(plan =>
        {
            plan.Fork(child: () =>
            {
                plan.Add(stage => stage.MakeDirectory(Descriptor.WorkingDirectory, Directory["child"], 0x1ED));
                plan.Exit(3);
            });
            plan.WaitForChild();
            plan.Add(stage => stage.MakeDirectory(Descriptor.WorkingDirectory, Directory["child/parent"], 0x1ED));
            plan.Exit(4);
        });

        Assert.Null(failure);
        Assert.Equal(4, status.ExitCode);
        Assert.True(System.IO.Directory.Exists(Directory["child/parent"]));
    }

    [Fact]
    public async Task A_step_that_fails_in_the_child_is_reported_with_its_number()
    {
        var number = 0;
        var (_, failure) = await Run(plan =>
        {
            plan.Fork(child: () =>
            {
                number = plan.Next;
                plan.Add(stage => stage.Execute([Directory["missing"]], ["missing"], []));
            });
            plan.WaitForChild();
            plan.Exit(0);
        });

        Assert.Equal(new Failure(0, number, -(long)Errno.ENOENT), failure);
    }

    [Fact]
    public async Task The_setup_channel_ends_when_the_program_is_executed()
    {
        using var run = new LauncherRun(Architecture, (plan, _) => plan.Add(stage =>
        {
            stage.UnblockSignals();
            stage.CloseFrom(3, CloseRangeFlags.CLOSE_RANGE_CLOEXEC);
            stage.Execute(
                [Directory["missing"], "/bin/sh"],
                ["sh", "-c", "read line; [ \"$line\" = go ] && [ \"$NAME $1\" = 'value two words' ] && exit 9", "sh",
                    "two words"],
                ["NAME=value"]);
        }));

        Assert.Null(await run.ReadSetup());
        run.WriteInput("go\n");
        Assert.Equal(9, run.Reap().ExitCode);
    }

    [Fact]
    public async Task A_plan_that_cannot_be_mapped_is_reported_as_no_step()
    {
        using var empty = Syscall.MemfdCreate("plan", MemfdFlags.MFD_CLOEXEC);
        using var run = new LauncherRun(Architecture, new byte[sizeof(long)], empty);

        Assert.Equal(new Failure(0, -1, -(long)Errno.EINVAL), await run.ReadSetup());
        Assert.Equal(125, run.Reap().ExitCode);
    }

    public void Dispose()
    {
        Directory.Dispose();
        GC.SuppressFinalize(this);
    }

    private protected Task<(WaitStatus Status, Failure? Failure)> Run(Action<HandMadePlan> add) =>
        LauncherRun.ToEnd(Architecture, add);
}
