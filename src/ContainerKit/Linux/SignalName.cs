using System.Globalization;

namespace ContainerKit.Linux;

/// <summary>Signals as text, as images and people write them.</summary>
internal static class SignalName
{
    private const int Last = 64, FirstOfRealTime = 34; // glibc and musl keep 32 and 33 to themselves

    /// <summary>
    /// Reads a number, or a name with or without SIG in any case, also one of real time such as <c>SIGRTMIN+3</c>.
    /// </summary>
    public static bool TryParse(string text, out Signal signal)
    {
        signal = default;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            signal = (Signal)number;
            return number is > 0 and <= Last;
        }

        var name = text.ToUpperInvariant();
        name = name.StartsWith("SIG", StringComparison.Ordinal) ? name : $"SIG{name}";
        signal = name switch
        {
            ['S', 'I', 'G', 'R', 'T', 'M', 'I', 'N', .. var more] => Offset(more, '+', FirstOfRealTime, 1),
            ['S', 'I', 'G', 'R', 'T', 'M', 'A', 'X', .. var less] => Offset(less, '-', Last, -1),
            _ => Array.Find(Enum.GetValues<Signal>(), known => $"{known}" == name),
        };
        return signal != default;
    }

    private static Signal Offset(string text, char sign, int from, int step) =>
        text.Length == 0 ? (Signal)from
        : text[0] == sign && int.TryParse(text[1..], NumberStyles.None, CultureInfo.InvariantCulture, out var offset)
            && offset <= Last - FirstOfRealTime ? (Signal)(from + (step * offset)) : default;
}
