using System.Runtime.InteropServices;
using ContainerKit.Launch;
using ContainerKit.Linux;

namespace ContainerKit.KernelTests;

/// <summary>A plan without a frame: steps that a test writes, and no namespaces.</summary>
internal sealed class HandMadePlan(PlanData data) : IDisposable
{
    private readonly List<Step> _steps = [];

    public PlanData Data { get; } = data;

    /// <summary>The number of the next step.</summary>
    public int Next => _steps.Count;

    /// <summary>Adds steps as features do.</summary>
    public T Add<T>(Func<LaunchStage, T> add)
    {
        var stage = new LaunchStage(Data); // not disposed: that is the data's end
        var result = add(stage);
        for (var i = 0; i < stage.Count; i++)
        {
            _steps.Add(stage[i]);
        }

        return result;
    }

    /// <inheritdoc cref="Add{T}(Func{LaunchStage, T})"/>
    public void Add(Action<LaunchStage> add) => Add(stage =>
    {
        add(stage);
        return default(ValueTuple);
    });

    /// <summary>Adds a call that no feature makes.</summary>
    public void Add(
        string name, ushort x64, ushort arm64, Argument a = default, Argument b = default, Argument c = default,
        Argument d = default) =>
        _steps.Add(new() { Call = new(name, new(x64, arm64)), Arguments = new(a, b, c, d, default, default) });

    /// <summary>Changes the last step.</summary>
    public void Change(ActionOnStep change) => change(ref CollectionsMarshal.AsSpan(_steps)[^1]);

    /// <summary>
    /// fork(2), by the clone(2) that qemu knows, unlike clone3(2): adds the child's steps, which must not come to an
    /// end, and goes on with the parent's.
    /// </summary>
    public Descriptor Fork(Action child, bool sharesMemory = false)
    {
        Add("clone", 56, 220, (long)Signal.SIGCHLD | (sharesMemory ? (long)CloneFlags.CLONE_VM : 0),
            sharesMemory ? PlanData.ChildStack : 0);
        var (fork, result) = (Next - 1, Data.NewResult());
        Change((ref step) => (step.Store, step.StoreAs) = (result, StoreAs.Number));
        child();
        CollectionsMarshal.AsSpan(_steps)[fork].Fork = Next;
        return Descriptor.ResultAt(result);
    }

    /// <summary>exit_group(2).</summary>
    public void Exit(int code) => Add("exit_group", 231, 94, code);

    /// <summary>Waits for whatever child, whose status is lost; wait4(2).</summary>
    public void WaitForChild() => Add("wait4", 61, 260, -1);

    /// <summary>Waits for a signal that ends the process, and exits when none comes; ppoll(2) of nothing.</summary>
    public void WaitForSignal()
    {
        const long seconds = 60;
        Add("ppoll", 271, 73, 0, 0, Data.Add((seconds, 0L)));
        Exit(99);
    }

    /// <summary>pidfd_open(2).</summary>
    public Descriptor OpenProcess(Descriptor process)
    {
        Add("pidfd_open", 434, 434, process);
        var result = Data.NewResult();
        Change((ref step) => (step.Store, step.StoreAs) = (result, StoreAs.Number));
        return Descriptor.ResultAt(result);
    }

    /// <summary>The plan as the launcher of an architecture reads it.</summary>
    public ReadOnlySpan<byte> Encode(Architecture architecture)
    {
        var address = Data.AddSteps(_steps.Count);
        foreach (var step in _steps)
        {
            Data.Write(address, step.Encode(architecture));
            address += EncodedStep.Size;
        }

        return Data.Content;
    }

    /// <inheritdoc/>
    public void Dispose() => Data.Dispose();

    public delegate void ActionOnStep(ref Step step);
}
