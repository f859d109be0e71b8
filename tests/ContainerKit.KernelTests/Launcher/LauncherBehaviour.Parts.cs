using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>Tests of a plan in two parts.</summary>
public abstract partial class LauncherBehaviour
{
    [Fact]
    public async Task A_second_part_that_is_sent_goes_on_with_the_results_of_the_first_and_with_what_is_attached()
    {
        using var second = new HandMadePlan(PlanData.Second());
        Descriptor made = default;
        using var run = new LauncherRun(Architecture, (plan, _) =>
        {
            plan.Add(stage => stage.MakeDirectory(Descriptor.WorkingDirectory, Directory["made"], 0x1ED));
            made = plan.Add(stage => stage.Open(Descriptor.WorkingDirectory, Directory["made"], OpenFlags.O_PATH));
            plan.Add(stage => stage.Continue());
        });
        using var file = File.OpenHandle(Directory["attached"], FileMode.Create, FileAccess.Write);
        second.Add(stage =>
        {
            stage.MakeFile(made, "file", 0x1A4, "content"u8);
            stage.Write(Descriptor.Received(2), stage.Data.Add("text"), 4);
        });
        second.Exit(6);
        run.SendPart(second, Architecture, file, file, file);

        Assert.Null(await run.ReadSetup());
        Assert.Equal(6, run.Reap().ExitCode);
        Assert.Equal(
            ("content", "text"), (File.ReadAllText(Directory["made/file"]), File.ReadAllText(Directory["attached"])));
    }

    [Fact]
    public async Task A_step_that_fails_in_the_second_part_is_reported_with_the_part()
    {
        using var second = new HandMadePlan(PlanData.Second());
        using var run = new LauncherRun(Architecture, (plan, _) => plan.Add(stage => stage.Continue()));
        second.Add(stage =>
        {
            stage.GetProcessId();
            stage.Open(Descriptor.WorkingDirectory, Directory["missing"], OpenFlags.O_RDONLY);
        });
        using var nothing = Syscall.Open("/dev/null", OpenFlags.O_RDWR);
        run.SendPart(second, Architecture, nothing, nothing, nothing);

        Assert.Equal(new Failure(1, 1, -(long)Errno.ENOENT), await run.ReadSetup());
        Assert.Equal(125, run.Reap().ExitCode);
    }

    [Fact]
    public async Task Parts_that_are_too_long_for_a_message_come_as_files_and_leave_nothing_open()
    {
        var text = new string('x', PartMessage.Most);
        using var second = new HandMadePlan(PlanData.Second());
        using var run = new LauncherRun(Architecture, (plan, _) =>
        {
            plan.Add(stage => stage.MakeFile(Descriptor.WorkingDirectory, Directory["first"], 0x1A4, Bytes(text)));
            plan.Add(stage => stage.Continue());
        });
        using var file = File.OpenHandle(Directory["attached"], FileMode.Create, FileAccess.Write);
        second.Add(stage =>
        {
            stage.MakeFile(Descriptor.WorkingDirectory, Directory["second"], 0x1A4, Bytes(text));
            stage.Write(Descriptor.Received(0), stage.Data.Add("text"), 4);
            stage.Write(Descriptor.Received(1), stage.Data.Add("more"), 4); // which is not there
        });
        second.Exit(6);
        run.SendPart(second, Architecture, file);

        Assert.Null(await run.ReadSetup());
        Assert.Equal(6, run.Reap().ExitCode);
        Assert.Equal(
            (text, text, "text"),
            (File.ReadAllText(Directory["first"]), File.ReadAllText(Directory["second"]),
                File.ReadAllText(Directory["attached"])));

        static byte[] Bytes(string text) => System.Text.Encoding.ASCII.GetBytes(text);
    }

    [Fact]
    public async Task A_second_part_whose_descriptors_find_no_room_is_not_run()
    {
        using var second = new HandMadePlan(PlanData.Second());
        using var run = new LauncherRun(Architecture, (plan, _) =>
        {
            plan.Add(stage => stage.SetLimit(Resource.RLIMIT_NOFILE, 6, 6));
            plan.Add(stage => stage.Continue());
        });
        second.Exit(0);
        using var nothing = Syscall.Open("/dev/null", OpenFlags.O_RDWR);
        run.SendPart(second, Architecture, nothing, nothing, nothing);

        Assert.Equal(new Failure(0, -1, -(long)Errno.EMFILE), await run.ReadSetup());
        Assert.Equal(125, run.Reap().ExitCode);
    }

    [Fact]
    public void A_launcher_without_a_second_part_ends_with_its_host()
    {
        using var run = new LauncherRun(Architecture, (plan, _) => plan.Add(stage => stage.Continue()));
        run.CloseSetup();

        Assert.Equal(0, run.Reap().ExitCode);
    }
}
