using System.Globalization;

namespace ContainerKit;

/// <summary>The most there may be of something: a count, a size in bytes, or <see cref="Unlimited"/>.</summary>
public readonly record struct Limit
{
    private Limit(long value)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(value);
        Value = value;
    }

    /// <summary>No limit.</summary>
    public static Limit Unlimited => default;

    /// <summary>The number; null without a limit.</summary>
    public long? Value { get; }

    /// <summary>A limit of a count; 0 allows nothing.</summary>
    public static implicit operator Limit(long count) => new(count);

    /// <summary>A limit of a size.</summary>
    public static implicit operator Limit(ByteSize size) => new(size.Bytes);

    /// <inheritdoc cref="op_Implicit(long)"/>
    public static Limit FromInt64(long count) => new(count);

    /// <inheritdoc cref="op_Implicit(ByteSize)"/>
    public static Limit FromByteSize(ByteSize size) => new(size.Bytes);

    /// <summary>Formats it as a cgroup's files hold it: <c>max</c>, or a number.</summary>
    public override string ToString() => Value?.ToString(CultureInfo.InvariantCulture) ?? "max";

    /// <summary>Reads what such a file holds.</summary>
    internal static Limit Parse(string text) =>
        text is "max" ? Unlimited : long.Parse(text, NumberStyles.None, CultureInfo.InvariantCulture);
}
