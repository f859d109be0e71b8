using ContainerKit.Linux;

namespace ContainerKit;

/// <summary>What a version of Landlock can restrict that those before cannot, and the Linux that brought it.</summary>
internal sealed record LandlockFeature(int Version, string Name, string Kernel)
{
    /// <summary>The version that brought scopes.</summary>
    public const int OfScopes = 6;

    /// <summary>All there are, in order.</summary>
    public static readonly IReadOnlyList<LandlockFeature> All =
    [
        new(1, "files", "5.13"),
        new(2, "moves between directories", "5.19"),
        new(3, "truncation", "6.2"),
        new(4, "TCP ports", "6.7"),
        new(5, "control of devices", "6.10"),
        new(OfScopes, "scopes", "6.12"),
        new(7, "choice of logs", "6.15"),
    ];

    private static int _ofKernel = -1; // until it was asked

    /// <summary>The version that this kernel has; 0 for none.</summary>
    public static int VersionOfKernel
    {
        get
        {
            if (_ofKernel < 0)
            {
                _ofKernel = Ask();
            }

            return _ofKernel;
        }
    }

    /// <summary>What of files a version can restrict.</summary>
    public static LandlockAccess AccessOf(int version)
    {
        var newer = version switch
        {
            <= 0 => LandlockAccess.All,
            1 => LandlockAccess.Refer | LandlockAccess.Truncate | LandlockAccess.ControlDevice,
            2 => LandlockAccess.Truncate | LandlockAccess.ControlDevice,
            3 or 4 => LandlockAccess.ControlDevice,
            _ => LandlockAccess.None,
        };
        return LandlockAccess.All & ~newer;
    }

    private static int Ask()
    {
        try
        {
            return Syscall.LandlockVersion();
        }
        catch (LinuxException)
        {
            return 0;
        }
    }
}
