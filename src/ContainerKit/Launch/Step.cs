using System.Runtime.InteropServices;

namespace ContainerKit.Launch;

/// <summary>One system call of a plan.</summary>
internal struct Step
{
    /// <summary>The call.</summary>
    public Call Call;

    /// <summary>The feature that asked for it.</summary>
    public object? Cause;

    /// <summary>Its arguments.</summary>
    public StepArguments Arguments;

    /// <summary>Where its result goes; of one that is repeated, how often.</summary>
    public long Store;

    /// <summary>How its result is written there.</summary>
    public StoreAs StoreAs;

    /// <summary>Up to four errnos that are no failure, a byte each.</summary>
    public uint Tolerated;

    /// <summary>The least result that counts as success.</summary>
    public int Least;

    /// <summary>
    /// The step at which the parent goes on after a fork, from the plan's first; 0 when there is no fork.
    /// </summary>
    public int Fork;

    /// <summary>Names an errno that is no failure.</summary>
    public void Tolerate(Errno errno) => Tolerated = (Tolerated << 8) | (byte)errno;

    /// <summary>The step as launcher.c reads it.</summary>
    public readonly EncodedStep Encode(Architecture architecture)
    {
        var encoded = new EncodedStep
        {
            Call = Call.Number.On(architecture),
            StoreAs = StoreAs,
            Tolerated = Tolerated,
            Least = Least,
            Fork = (uint)Fork,
            Store = Store,
        };
        for (var i = 0; i < 6; i++)
        {
            encoded.Arguments[i] = Arguments[i].Value;
            encoded.Load |= Arguments[i].IsResult ? (byte)(1 << i) : (byte)0;
        }

        return encoded;
    }

    /// <summary>The step as strace would print it, with where its result goes.</summary>
    public readonly string Print(PlanData data) => StoreAs switch
    {
        StoreAs.Number => $"{ArgumentPrinters.Result(new(Store, true))} = {PrintCall(data)}",
        StoreAs.Digits => $"digits = {PrintCall(data)}",
        _ => PrintCall(data),
    };

    /// <summary>The call alone.</summary>
    public readonly string PrintCall(PlanData data)
    {
        var arguments = new List<string>();
        for (var i = 0; i < Call.Arguments.Length; i++)
        {
            if (Call.Arguments[i](data, Arguments[i]) is { } text)
            {
                arguments.Add(i == 1 && StoreAs is StoreAs.Repeat ? $"{text} to {Arguments.B.Value + Store}" : text);
            }
        }

        return $"{Call.Name}({string.Join(", ", arguments)})";
    }
}

/// <summary>The six arguments of a step.</summary>
internal readonly record struct StepArguments(Argument A, Argument B, Argument C, Argument D, Argument E, Argument F)
{
    public Argument this[int index] => index switch { 0 => A, 1 => B, 2 => C, 3 => D, 4 => E, _ => F };
}

/// <summary>What becomes of a result.</summary>
internal enum StoreAs : byte
{
    Nothing = 0,

    /// <summary>Nothing: the call is repeated, with 1 more in its second argument.</summary>
    Repeat = 1,
    Number = 4,
    Digits = 10,
}

/// <summary>A step in launcher.c's layout; struct step.</summary>
internal unsafe struct EncodedStep
{
    public static readonly int Size = sizeof(EncodedStep);

    public ushort Call;
    public byte Load;
    public StoreAs StoreAs;
    public uint Tolerated;
    public int Least;
    public uint Fork;
    public long Store;
    public EncodedArguments Arguments;
}

/// <summary>The six arguments of an encoded step.</summary>
internal unsafe struct EncodedArguments
{
    private fixed long _values[6];

    public long this[int index]
    {
        readonly get => _values[index];
        set => _values[index] = value;
    }
}
