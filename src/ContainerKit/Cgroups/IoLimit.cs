namespace ContainerKit;

/// <summary>What may be read from and written to a block device each second; null leaves a limit as it is.</summary>
public sealed record IoLimit(BlockDevice Device)
{
    /// <summary>The most bytes that are read, at least 1.</summary>
    public Limit? ReadBytes { get; init; }

    /// <summary>The most bytes that are written, at least 1.</summary>
    public Limit? WriteBytes { get; init; }

    /// <summary>The most operations that read, at least 1.</summary>
    public Limit? Reads { get; init; }

    /// <summary>The most operations that write, at least 1.</summary>
    public Limit? Writes { get; init; }

    internal void Validate()
    {
        if (ReadBytes?.Value is 0 || WriteBytes?.Value is 0 || Reads?.Value is 0 || Writes?.Value is 0)
        {
            throw new ArgumentException($"A limit of the device {Device} is 0: at least 1 is possible.");
        }

        // Version 1 takes more, and keeps the lower half: 2^32 + 1 would be one.
        if (Reads?.Value > uint.MaxValue || Writes?.Value > uint.MaxValue)
        {
            throw new ArgumentException(
                $"There are at most {uint.MaxValue} operations of the device {Device}: use Limit.Unlimited.");
        }
    }
}
