using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>How much a terminal shows, in characters: 1 to 65535 columns and rows.</summary>
public readonly record struct TerminalSize(int Columns, int Rows)
{
    internal const string Complaint = "TerminalSize has 1 to 65535 columns and rows.";

    internal bool IsPossible => Columns is > 0 and <= ushort.MaxValue && Rows is > 0 and <= ushort.MaxValue;

    internal WindowSize ForKernel => new((ushort)Rows, (ushort)Columns);
}
