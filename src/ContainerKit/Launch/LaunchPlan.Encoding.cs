using System.Runtime.InteropServices;
using System.Text;

namespace ContainerKit.Launch;

/// <content>How the steps become what the launcher reads, and what people read.</content>
internal sealed partial class LaunchPlan
{
    private static readonly string[] StageNames =
        ["Outside", "Early", "Mapped", "Sync", "Inside", "Root", "Pivoted", "Confined", "Program", "Init"];

    /// <summary>The first part as the launcher reads it, once it is encoded.</summary>
    public ReadOnlySpan<byte> FirstPart => _first.Content;

    /// <summary>The second part as the launcher reads it, once it is encoded.</summary>
    public ReadOnlySpan<byte> SecondPart => _second.Content;

    /// <summary>
    /// Writes the steps of each part behind its data, in one array, and joins the forks. Nothing can be added
    /// afterwards.
    /// </summary>
    public void Encode(Architecture architecture)
    {
        if (_isEncoded)
        {
            return;
        }

        if (Outside.Count > 0)
        {
            var sync = Outside.Count + Early.Count + Mapped.Count;
            Outside.Last.Fork = sync;
            JoinGuard(sync);
        }

        if (Init)
        {
            Confined.Last.Fork = Count(OfSecondPart) - _init.Count;
        }

        Encode(_first, OfFirstPart, architecture);
        Encode(_second, OfSecondPart, architecture);
        _isEncoded = true;
    }

    /// <summary>The step with a number in a part, as it prints, and the feature that asked for it.</summary>
    public (Step Step, string Text)? Find(int part, int number)
    {
        foreach (var stage in part == 0 ? OfFirstPart : OfSecondPart)
        {
            if ((uint)number < (uint)stage.Count)
            {
                return (stage[number], stage[number].PrintCall(stage.Data));
            }

            number -= stage.Count;
        }

        return null;
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        foreach (var (name, stage) in StageNames.Zip(AllStages))
        {
            if (stage.Count > 0)
            {
                text.Append(name).Append(":\n  ")
                    .Append(stage.ToString().Replace("\n", "\n  ", StringComparison.Ordinal)).Append('\n');
            }
        }

        return text.ToString();
    }

    private static int Count(LaunchStage[] stages)
    {
        var count = 0;
        foreach (var stage in stages)
        {
            count += stage.Count;
        }

        return count;
    }

    private static void Encode(PlanData part, LaunchStage[] stages, Architecture architecture)
    {
        var address = part.AddSteps(Count(stages));
        foreach (var stage in stages)
        {
            for (var i = 0; i < stage.Count; i++, address += EncodedStep.Size)
            {
                part.Write(address, stage[i].Encode(architecture));
            }
        }
    }
}
