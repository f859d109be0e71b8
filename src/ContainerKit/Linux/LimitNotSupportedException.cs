namespace ContainerKit;

/// <summary>
/// A container cannot be limited or controlled so on this host; the message says what would enable it.
/// </summary>
public sealed class LimitNotSupportedException : PlatformNotSupportedException
{
    internal LimitNotSupportedException(string message)
        : base(message)
    {
    }
}
