namespace ContainerKit;

/// <summary>How an argument is compared with a value.</summary>
public enum SeccompComparison
{
    /// <summary>It is the value.</summary>
    Equal,

    /// <summary>It is another.</summary>
    NotEqual,

    /// <summary>It is less.</summary>
    Less,

    /// <summary>It is the value, or less.</summary>
    LessOrEqual,

    /// <summary>It is greater.</summary>
    Greater,

    /// <summary>It is the value, or greater.</summary>
    GreaterOrEqual,
}
