using System.Globalization;
using System.Runtime.InteropServices;
using System.Text;
using ContainerKit.Linux;

namespace ContainerKit.Launch;

/// <summary>Writes an argument as strace would; null when it is not worth showing.</summary>
internal delegate string? ArgumentPrinter(PlanData data, Argument argument);

/// <summary>How the arguments of calls print.</summary>
internal static class ArgumentPrinters
{
    private static readonly string[] CapabilitySetNames = ["effective", "permitted", "inheritable"];

    public static readonly ArgumentPrinter
        Hidden = (_, _) => null,
        Number = (data, argument) => argument.IsResult ? Result(argument) : Decimal(argument.Value),
        Hexadecimal = (_, argument) => string.Create(CultureInfo.InvariantCulture, $"0x{argument.Value:x}"),
        Octal = (_, argument) => argument.Value == 0 ? "0" : "0" + Convert.ToString(argument.Value, 8),
        Descriptor = (data, argument) =>
            argument.IsResult ? Result(argument)
                : argument.Value == Launch.Descriptor.WorkingDirectory.Value ? "AT_FDCWD"
                : Decimal(argument.Value),
        Text = (data, argument) => argument.Value == 0 ? "NULL" : $"\"{Escape(data.TextAt(argument.Value))}\"",
        Data = (data, argument) => $"\"{Escape(data.TextAt(argument.Value))}\"",
        Texts = (data, argument) =>
            $"[{string.Join(", ", Some(data.TextsAt(argument.Value).Select(text => $"\"{Escape(text)}\"")))}]",
        Variables = (data, argument) =>
            $"[{string.Join(", ", Some(data.TextsAt(argument.Value).Select(text => text[..text.IndexOf('=')])))}]",
        Ids = (data, argument) => argument.Value == 0 ? "[]" : "[…]",
        Set = (data, argument) => data.Word(argument.Value, 0) == 0 ? "[]" : "~[]",
        Limit = (data, argument) =>
            $"{LimitValue(data.Word(argument.Value, 0))}:{LimitValue(data.Word(argument.Value, 1))}",
        CapabilitySets = (data, argument) => PrintCapabilities(data, argument.Value),
        OpenHow = (data, argument) =>
            $"{HowOpened(data.Word(argument.Value, 0))}, {Names((ResolveFlags)data.Word(argument.Value, 2))}",
        LandlockRuleset = (data, argument) =>
            $"{{{Some((LandlockFileRights)data.Word(argument.Value, 0))}, "
                + $"{Some((LandlockPortRights)data.Word(argument.Value, 1))}, "
                + $"{Some((LandlockScopeFlags)data.Word(argument.Value, 2))}}}",
        LandlockPathRule = (data, argument) =>
            $"{{{Some((LandlockFileRights)data.Word(argument.Value, 0))}, "
                + $"{Result(new(argument.Value + LaunchStage.LandlockPathRule.OffsetOfPlace, true))}}}",
        LandlockPortRule = (data, argument) =>
            $"{{{Some((LandlockPortRights)data.Word(argument.Value, 0))}, {data.Word(argument.Value, 1)}}}",
        Filter = (data, argument) => $"{{len={Decimal((ushort)data.Word(argument.Value, 0))}}}",
        MountAttributes = (data, argument) => Attributes(data, argument.Value),
        PlainClone = (_, argument) => (argument.Value & 0xFF) == 0 ? Some((CloneFlags)argument.Value)
            : $"{Names((CloneFlags)(argument.Value & ~0xFF))} | {(Signal)(argument.Value & 0xFF)}",
        ResultAt = (_, argument) => argument.Value == 0 ? null : Result(argument),
        CloneArguments = (data, argument) =>
            $"{Names((CloneFlags)data.Word(argument.Value, 0))}, "
                + $"pidfd={Result(new((long)data.Word(argument.Value, 1), true))}"
                + ((data.Word(argument.Value, 0) & LaunchStage.CloneArguments.IntoCgroup) == 0 ? ""
                    : $", cgroup={data.Word(argument.Value, 10)}");

    /// <summary>Prints a set of flags by the kernel's names.</summary>
    public static ArgumentPrinter Flags<T>()
        where T : struct, Enum =>
            (_, argument) => Some((T)Enum.ToObject(typeof(T), argument.Value));

    /// <summary>Prints a value by the kernel's name.</summary>
    public static ArgumentPrinter Value<T>()
        where T : struct, Enum => (_, argument) => Enum.ToObject(typeof(T), argument.Value).ToString()!;

    /// <summary>
    /// Prints a result by its number in the plan, <c>$1</c>, or by its place in a structure: <c>[+640]</c>.
    /// </summary>
    public static string Result(Argument argument) =>
        PlanData.ResultNumber(argument.Value) is { } number
            ? "$" + Decimal(number)
            : string.Create(CultureInfo.InvariantCulture, $"[+{argument.Value - PlanData.PlanAddress}]");

    private static string Some<T>(T flags)
        where T : struct, Enum => EqualityComparer<T>.Default.Equals(flags, default) ? "0" : Names(flags);

    private static string Names<T>(T flags)
        where T : struct, Enum => flags.ToString().Replace(", ", " | ", StringComparison.Ordinal);

    private static string HowOpened(ulong flags)
    {
        var noFollow = Syscall.NoFollow(RuntimeInformation.ProcessArchitecture);
        return Names((OpenFlags)(flags & ~noFollow)) + ((flags & noFollow) == 0 ? "" : " | O_NOFOLLOW");
    }

    private static string Attributes(PlanData data, long address)
    {
        var set = Names((MountAttributes)data.Word(address, 0));
        var propagation = (PropagationType)data.Word(address, 2);
        return propagation is PropagationType.None ? set : $"{set}, {propagation}";
    }

    /// <summary>Prints effective, permitted and inheritable capabilities, once where they are the same.</summary>
    private static string PrintCapabilities(PlanData data, long address)
    {
        var words = Enumerable.Range(0, 3).Select(index => data.Word(address, index)).ToArray();
        ulong[] sets =
        [
            Low(words[0]) | (High(words[1]) << 32), High(words[0]) | (Low(words[2]) << 32),
            Low(words[1]) | (High(words[2]) << 32),
        ];
        var names = CapabilitySetNames.Zip(sets).Where(named => named.Second != 0)
            .GroupBy(named => named.Second, named => named.First)
            .Select(same => $"{string.Join(" = ", same)} = {Bits<Capability>(same.Key)}");
        return $"{{{string.Join(", ", names)}}}";

        static ulong Low(ulong word) => (uint)word;

        static ulong High(ulong word) => word >> 32;
    }

    /// <summary>Prints a set of bits by the kernel's names for their numbers.</summary>
    private static string Bits<T>(ulong set)
        where T : struct, Enum =>
            string.Join(" | ", Enumerable.Range(0, 64).Where(bit => (set & (1UL << bit)) != 0)
                .Select(bit => Enum.ToObject(typeof(T), bit)));

    private static string LimitValue(ulong value) =>
        value == ulong.MaxValue ? "unlimited" : value.ToString(CultureInfo.InvariantCulture);

    private static string Decimal(long value) => value.ToString(CultureInfo.InvariantCulture);

    private static IEnumerable<string> Some(IEnumerable<string> texts)
    {
        const int most = 8;
        var some = texts.Take(most + 1).ToList();
        return some.Count > most ? some[..most].Append("…") : some;
    }

    /// <summary>
    /// As in strace, not the whole of a long text, and nothing that a terminal obeys: exceptions show it, too.
    /// </summary>
    private static string Escape(string text)
    {
        const int most = 256;
        var escaped = new StringBuilder();
        foreach (var character in text.Length > most ? text[..most] + "…" : text)
        {
            _ = character switch
            {
                '\\' or '"' => escaped.Append('\\').Append(character),
                '\n' => escaped.Append("\\n"),
                '\t' => escaped.Append("\\t"),
                _ when char.IsControl(character) =>
                    escaped.Append(CultureInfo.InvariantCulture, $"\\x{(int)character:x2}"),
                _ => escaped.Append(character),
            };
        }

        return escaped.ToString();
    }
}
