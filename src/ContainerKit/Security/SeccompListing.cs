using System.Globalization;
using System.Text;
using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>A filter as people read it: each instruction with its number, where it leads, and what is meant.</summary>
internal static class SeccompListing
{
    /// <summary>A line for each instruction.</summary>
    public static string Of(byte[] bytes, string?[] names)
    {
        var filter = new FilterInstruction[bytes.Length / FilterInstruction.Size];
        for (var i = 0; i < filter.Length; i++)
        {
            filter[i] = FilterInstruction.In(bytes, i);
        }

        var (text, testsNumber) = (new StringBuilder(), TestsOfNumber(filter));
        for (var i = 0; i < filter.Length; i++)
        {
            var line = string.Create(CultureInfo.InvariantCulture, $"{i,4}: {Absolute(filter[i], i + 1)}");
            var meaning = testsNumber[i] ? names.ElementAtOrDefault((int)filter[i].Value) ?? "" : Meaning(filter[i]);
            text.Append(meaning.Length == 0 ? line : $"{line,-36}; {meaning}").Append('\n');
        }

        return text.ToString();
    }

    /// <summary>Which instructions test the call's number: those before which nothing else is read.</summary>
    private static bool[] TestsOfNumber(FilterInstruction[] filter)
    {
        var (reads, tests) = (new bool[filter.Length + 1], new bool[filter.Length]);
        for (var i = 0; i < filter.Length; i++)
        {
            var (instruction, next) = (filter[i], i + 1);
            tests[i] = reads[i] && IsTest(instruction);
            if (tests[i])
            {
                reads[next + instruction.IfTrue] = reads[next + instruction.IfFalse] = true;
            }
            else if (reads[i] && instruction.Operation == FilterInstruction.Goes)
            {
                reads[next + (int)instruction.Value] = true;
            }

            reads[next] |= instruction is { Operation: FilterInstruction.Loads, Value: SeccompData.Number };
        }

        return tests;
    }

    private static string Absolute(FilterInstruction instruction, int next)
    {
        if (IsTest(instruction))
        {
            var test = $"{instruction}".Split(',')[0];
            return string.Create(CultureInfo.InvariantCulture,
                $"{test}, {next + instruction.IfTrue}, {next + instruction.IfFalse}");
        }

        return instruction.Operation == FilterInstruction.Goes
            ? string.Create(CultureInfo.InvariantCulture, $"ja {next + instruction.Value}")
            : $"{instruction}";
    }

    private static bool IsTest(FilterInstruction instruction) => instruction.Operation
        is FilterInstruction.IfEqual or FilterInstruction.IfGreater or FilterInstruction.IfAtLeast;

    private static string Meaning(FilterInstruction instruction) => instruction switch
    {
        { Operation: FilterInstruction.Loads, Value: SeccompData.Number } => "the call's number",
        { Operation: FilterInstruction.Loads, Value: SeccompData.Table } => "the architecture",
        { Operation: FilterInstruction.Loads, Value: var offset } => Half((int)offset - SeccompData.Arguments),
        { Operation: FilterInstruction.Returns, Value: var value } => $"{SeccompAction.Of(value)}",
        _ => "",
    };

    private static string Half(int offset) => string.Create(CultureInfo.InvariantCulture,
        $"a{offset / sizeof(ulong)}, {(offset % sizeof(ulong) == 0 ? "lower" : "upper")} half");
}
