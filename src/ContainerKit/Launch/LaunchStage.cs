using System.Buffers;
using System.Text;

namespace ContainerKit.Launch;

/// <summary>
/// The steps that run in one place of a launch, in order. Features add to it with a method for each system call;
/// <see cref="ToString"/> reads like strace.
/// </summary>
internal sealed partial class LaunchStage(PlanData data) : IDisposable
{
    private Step[] _steps = ArrayPool<Step>.Shared.Rent(64);

    /// <summary>A stage by itself.</summary>
    public LaunchStage()
        : this(new PlanData())
    {
    }

    /// <summary>What its steps point to.</summary>
    public PlanData Data { get; } = data;

    /// <summary>How many steps it has.</summary>
    public int Count { get; private set; }

    /// <summary>The feature that adds steps now; a failed step names it.</summary>
    public object? Cause { get; set; }

    /// <summary>The steps so far.</summary>
    public Span<Step> Steps => _steps.AsSpan(0, Count);

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (ref var step in Steps)
        {
            text.Append(step.Print(Data)).Append('\n');
        }

        return text.ToString().TrimEnd('\n');
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        Steps.Clear();
        ArrayPool<Step>.Shared.Return(_steps);
        _steps = [];
        Count = 0;
    }

    private ref Step Add(
        Call call, Argument a = default, Argument b = default, Argument c = default, Argument d = default,
        Argument e = default, Argument f = default)
    {
        if (Count == _steps.Length)
        {
            var larger = ArrayPool<Step>.Shared.Rent(2 * Count);
            Steps.CopyTo(larger);
            Steps.Clear();
            ArrayPool<Step>.Shared.Return(_steps);
            _steps = larger;
        }

        ref var step = ref _steps[Count++];
        step = new Step { Call = call, Cause = Cause };
        step.Arguments[0] = a;
        step.Arguments[1] = b;
        step.Arguments[2] = c;
        step.Arguments[3] = d;
        step.Arguments[4] = e;
        step.Arguments[5] = f;
        return ref step;
    }

    /// <summary>Keeps the result of a step, for others to use.</summary>
    private Descriptor Keep(ref Step step)
    {
        step.Store = Data.NewResult();
        step.StoreAs = StoreAs.Number;
        return Descriptor.ResultAt(step.Store);
    }
}
