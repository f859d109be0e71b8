using System.Text;

namespace ContainerKit.Launch;

/// <summary>
/// The steps that run in one place of a launch, in order. Features add to it with a method for each system call;
/// <see cref="ToString"/> reads like strace.
/// </summary>
internal sealed partial class LaunchStage(PlanData data) : IDisposable
{
    private Step[] _steps = new Step[16];

    /// <summary>A stage by itself.</summary>
    public LaunchStage()
        : this(PlanData.First())
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

    /// <summary>The last of them.</summary>
    public ref Step Last => ref _steps[Count - 1];

    /// <summary>One of them.</summary>
    public ref Step this[int index] => ref _steps[index];

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

    /// <summary>Takes its steps away.</summary>
    public void Clear()
    {
        Array.Clear(_steps, 0, Count);
        Count = 0;
        Cause = null;
    }

    /// <inheritdoc/>
    public void Dispose() => Data.Dispose();

    private ref Step Add(
        Call call, Argument a = default, Argument b = default, Argument c = default, Argument d = default,
        Argument e = default, Argument f = default)
    {
        if (Count == _steps.Length)
        {
            // Not Array.Resize: generic code of the framework over types of ours is compiled at the first start.
            var larger = new Step[2 * Count];
            Array.Copy(_steps, larger, Count);
            _steps = larger;
        }

        ref var step = ref _steps[Count++];
        step = new Step { Call = call, Cause = Cause, Arguments = new(a, b, c, d, e, f) };
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
