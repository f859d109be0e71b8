using System.Globalization;

namespace ContainerKit;

/// <summary>
/// What an argument of a system call must be, by its place from 0 to 5: unsigned, of 64 bits. The kernel passes over
/// the upper half of an argument that is an int in C, as a socket's family or an ioctl's request is: compare such a one
/// with <see cref="Mask"/> 0xffffffff, or a program gets around it.
/// </summary>
public sealed record SeccompArgument(int Index, SeccompComparison Comparison, ulong Value)
{
    /// <summary>How many arguments a call has.</summary>
    internal const int Count = 6;

    /// <summary>The bits of the argument that are compared; all unless said otherwise.</summary>
    public ulong Mask { get; init; } = ulong.MaxValue;

    /// <summary>Formats it as a condition: <c>a0 &amp; 0xffffffff == 0x26</c>.</summary>
    public override string ToString()
    {
        var masked = Mask == ulong.MaxValue ? "" : string.Create(CultureInfo.InvariantCulture, $" & 0x{Mask:x}");
        return string.Create(CultureInfo.InvariantCulture, $"a{Index}{masked} {Sign} 0x{Value:x}");
    }

    /// <summary>Complains about one that cannot be meant.</summary>
    internal void Validate()
    {
        if (Index is < 0 or >= Count)
        {
            throw new ArgumentException($"A system call has arguments from 0 to 5, and none at {Index}.");
        }

        if ((Value & ~Mask) != 0 || Comparison is < SeccompComparison.Equal or > SeccompComparison.GreaterOrEqual)
        {
            throw new ArgumentException($"The condition '{this}' compares with bits that its mask clears, or unknown.");
        }
    }

    private string Sign => Comparison switch
    {
        SeccompComparison.Equal => "==",
        SeccompComparison.NotEqual => "!=",
        SeccompComparison.Less => "<",
        SeccompComparison.LessOrEqual => "<=",
        SeccompComparison.Greater => ">",
        SeccompComparison.GreaterOrEqual => ">=",
        _ => $"{Comparison}",
    };
}
