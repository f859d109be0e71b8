using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.Tests;

public class PlanEncodingTests
{
    [Theory]
    [InlineData(Architecture.X64, new[] { 258, 257, 3 })]
    [InlineData(Architecture.Arm64, new[] { 34, 56, 57 })]
    public void A_step_has_the_architectures_number(Architecture architecture, int[] numbers)
    {
        using var stage = new LaunchStage();
        stage.MakeDirectory(Descriptor.WorkingDirectory, "a", 0x1ED);
        stage.Close(stage.Open(Descriptor.WorkingDirectory, "a", OpenFlags.O_PATH));

        Assert.Equal(numbers, Enumerable.Range(0, 3).Select(i => (int)stage[i].Encode(architecture).Call));
    }

    [Fact]
    public void Another_architecture_is_refused_by_its_name()
    {
        using var stage = new LaunchStage();
        stage.NewSession();

        Assert.Contains("RiscV64",
            Assert.Throws<PlatformNotSupportedException>(() => stage.Last.Encode(Architecture.RiscV64)).Message);
    }

    [Fact]
    public void An_argument_that_is_a_result_is_marked_and_has_its_address()
    {
        using var stage = new LaunchStage();
        var (tree, target) = (Descriptor.ResultAt(0x1000), Descriptor.ResultAt(0x2000));
        stage.Attach(tree, target);
        var encoded = stage.Last.Encode(Architecture.X64);

        Assert.Equal(0b101, encoded.Load);
        Assert.Equal((0x1000, 0x2000), (encoded.Arguments[0], encoded.Arguments[2]));
    }

    [Fact]
    public void A_result_is_stored_where_the_descriptor_says()
    {
        using var stage = new LaunchStage();
        var file = stage.Open(Descriptor.WorkingDirectory, "a", OpenFlags.O_PATH);
        var encoded = stage.Last.Encode(Architecture.X64);

        Assert.Equal((file.Value, StoreAs.Number), (encoded.Store, encoded.StoreAs));
    }

    [Fact]
    public void Tolerated_errnos_take_a_byte_each()
    {
        using var stage = new LaunchStage();
        stage.MakeDirectory(Descriptor.WorkingDirectory, "a", 0x1ED, mayExist: true);
        var tolerated = stage.Last.Encode(Architecture.X64).Tolerated;

        Assert.Equal(
            [Errno.EROFS, Errno.EEXIST, Errno.None, Errno.None], MemoryMarshal.AsBytes([tolerated]).ToArray()
                .Select(value => (Errno)value));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void After_each_fork_the_parent_goes_on_where_its_part_begins(bool init)
    {
        using var plan = new LaunchPlan { Init = init };
        var (first, second) = Encode(plan);
        var fork = first.Single(step => step.Fork != 0);

        Assert.Equal(SyscallNumber.clone3.X64, fork.Call);
        Assert.StartsWith("openat(AT_FDCWD, \"/proc/", Names(plan, 0)[(int)fork.Fork]);
        Assert.Equal("continue()", Names(plan, 0)[(int)fork.Fork - 1]);
        Assert.StartsWith("supervise(", Names(plan, 0)[^1]);
        Assert.Equal(init ? 1 : 0, second.Count(step => step.Fork != 0));
        if (init)
        {
            Assert.Equal("dup3(4, 0, O_CLOEXEC)", Names(plan, 1)[(int)second.Single(step => step.Fork != 0).Fork]);
            Assert.StartsWith("init(0, $", Names(plan, 1)[^1]);
        }
    }

    [Fact]
    public void A_step_is_found_by_the_part_and_the_number_it_is_encoded_under()
    {
        using var plan = new LaunchPlan();
        var (first, second) = Encode(plan);

        Assert.Equal(first.Select(step => step.Call), Enumerable.Range(0, first.Count)
            .Select(i => plan.Find(0, i)!.Value.Step.Call.Number.X64));
        Assert.Equal(second.Select(step => step.Call), Enumerable.Range(0, second.Count)
            .Select(i => plan.Find(1, i)!.Value.Step.Call.Number.X64));
        Assert.Null(plan.Find(0, first.Count));
        Assert.Null(plan.Find(1, second.Count));
        Assert.Null(plan.Find(0, -1));
    }

    [Fact]
    public void The_first_part_does_not_depend_on_files_limits_and_program()
    {
        var plain = new ContainerOptions { Command = ["true"] };
        Assert.Equal(FirstPart(plain), FirstPart(plain with
        {
            Command = ["false", "argument"],
            Root = RootFilesystem.Empty,
            Mounts = [new BindMount("/usr", "/usr"), new TmpfsMount("/scratch")],
            Environment = new Dictionary<string, string> { ["NAME"] = "value" },
            WorkingDirectory = "/usr",
            HostName = "other",
            Init = false,
            MaxProcesses = 7,
            ResourceLimits = [new(Resource.RLIMIT_NOFILE, 9, 9)],
            Umask = 0,
        }));
        Assert.NotEqual(FirstPart(plain), FirstPart(plain with { User = "1000" }));
        Assert.NotEqual(
            FirstPart(plain), FirstPart(plain with { Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Ipc }));
        Assert.NotEqual(
            FirstPart(plain), FirstPart(plain with { Namespaces = NamespaceKinds.Default & ~NamespaceKinds.Network }));

        static byte[] FirstPart(ContainerOptions options)
        {
            using var plan = ContainerPlan.Make(options);
            plan.Encode(Architecture.X64);
            return plan.FirstPart.ToArray();
        }
    }

    [Fact]
    public void A_plan_with_a_thousand_mounts_and_ten_thousand_arguments_can_be_encoded()
    {
        using var plan = new LaunchPlan();
        plan.Begin();
        for (var i = 0; i < 1000; i++)
        {
            new TmpfsMount($"/mounts/{i}").AddTo(plan, Descriptor.Number(9));
        }

        plan.End();
        var arguments = Enumerable.Range(0, 10_000).Select(i => $"argument {i}").ToArray();
        plan.Execute(["/program"], arguments, []);
        plan.Encode(Architecture.X64);
        var steps = Steps(plan.SecondPart);

        var execve = steps.Single(step => step.Call == SyscallNumber.execve.X64);
        Assert.Equal(arguments, plan.Program.Data.TextsAt(execve.Arguments[1]));
        Assert.Equal(1001, steps.Count(step => step.Call == SyscallNumber.fsmount.X64) + 1);
    }

    [Fact]
    public void More_mounts_than_a_plan_can_hold_are_refused_before_anything_starts()
    {
        var options = new ContainerOptions
        {
            Command = ["true"],
            Mounts = [.. Enumerable.Range(0, 20_000).Select(i => new TmpfsMount($"/tmp/{i}"))],
        };

        Assert.Contains(
            "more mounts and files than one plan can hold",
            Assert.Throws<ArgumentException>(() => Container.Explain(options)).Message);
    }

    private static (List<EncodedStep> First, List<EncodedStep> Second) Encode(LaunchPlan plan)
    {
        plan.Begin();
        plan.End();
        plan.Execute(["/program"], ["program"], []);
        plan.Encode(Architecture.X64);
        return (Steps(plan.FirstPart), Steps(plan.SecondPart));
    }

    /// <summary>The steps as the launcher finds them: from the offset that the part begins with, to its end.</summary>
    private static List<EncodedStep> Steps(ReadOnlySpan<byte> part)
    {
        var first = MemoryMarshal.Read<long>(part);
        Assert.Equal(0, first % 8);
        var steps = MemoryMarshal.Cast<byte, EncodedStep>(part[(int)first..]);
        Assert.Equal(part.Length, first + (steps.Length * Unsafe.SizeOf<EncodedStep>()));
        return [.. steps];
    }

    private static List<string> Names(LaunchPlan plan, int part) =>
        [.. Enumerable.Range(0, int.MaxValue).Select(i => plan.Find(part, i)).TakeWhile(found => found is not null)
            .Select(found => found!.Value.Text)];
}
