using System.Text;

namespace ContainerKit;

/// <summary>What became of a program that ran in a container.</summary>
public sealed class ContainerResult
{
    internal ContainerResult(
        string program, ExitStatus status, Receipt receipt, Captured output, Captured error,
        (Isolation Tier, IsolationProperties Properties)? obtained)
    {
        Isolation = obtained?.Tier;
        IsolationProperties = obtained?.Properties ?? IsolationProperties.None;
        Program = program;
        ExitStatus = status;
        Receipt = receipt;
        StandardOutputBytes = output.Bytes;
        StandardErrorBytes = error.Bytes;
        OutputTruncated = output.Truncated || error.Truncated;
    }

    /// <summary>How it ended.</summary>
    public ExitStatus ExitStatus { get; }

    /// <summary>What it took.</summary>
    public Receipt Receipt { get; }

    /// <summary>What isolated it; null for a detached container, and for a program of the host in namespaces.</summary>
    public Isolation? Isolation { get; }

    /// <summary>What held of it.</summary>
    public IsolationProperties IsolationProperties { get; }

    /// <summary>What it wrote to standard output, as UTF-8; empty unless it was captured.</summary>
    public string StandardOutput => field ??= Encoding.UTF8.GetString(StandardOutputBytes.Span);

    /// <summary>What it wrote to standard error, as UTF-8; empty unless it was captured.</summary>
    public string StandardError => field ??= Encoding.UTF8.GetString(StandardErrorBytes.Span);

    /// <summary>The bytes it wrote to standard output; empty unless they were captured.</summary>
    public ReadOnlyMemory<byte> StandardOutputBytes { get; }

    /// <summary>The bytes it wrote to standard error; empty unless they were captured.</summary>
    public ReadOnlyMemory<byte> StandardErrorBytes { get; }

    /// <summary>Whether it wrote more than was captured.</summary>
    public bool OutputTruncated { get; }

    private string Program { get; }

    /// <summary>Returns this result, or throws when the program did not exit with the code 0.</summary>
    /// <exception cref="InvalidOperationException">With the exit status and the last line of standard
    /// error.</exception>
    public ContainerResult EnsureSuccess()
    {
        if (ExitStatus.IsSuccess)
        {
            return this;
        }

        var error = StandardError.TrimEnd();
        var lastLine = error[(error.LastIndexOf('\n') + 1)..];
        throw new InvalidOperationException(
            lastLine.Length == 0 ? $"'{Program}' {ExitStatus}." : $"'{Program}' {ExitStatus}: {lastLine}");
    }
}

/// <summary>Output that was kept.</summary>
internal readonly record struct Captured(ReadOnlyMemory<byte> Bytes, bool Truncated);
