namespace Versus;

/// <summary>What the command line asks for.</summary>
internal sealed record Settings
{
    /// <summary>The parts of the benchmark, in the order in which they run.</summary>
    private static readonly string[] Known =
    [
        "start", "live", "steady", "streams", "cgroups", "images", "disk", "commits", "layers", "seccomp", "restricted",
        "memory", "quickstart",
    ];

    /// <summary>The parts to run; all of them unless said otherwise.</summary>
    public IReadOnlyList<string> Parts { get; private init; } = Known;

    /// <summary>
    /// Whether it is only to be seen that everything runs: the figures are printed, and judge nothing.
    /// </summary>
    public bool Quick { get; private init; }

    /// <summary>How many rounds are counted.</summary>
    public int Rounds { get; private init; } = 25;

    /// <summary>How often each contender runs in its turn.</summary>
    public int Each { get; private init; } = 10;

    /// <summary>An archive of a minimal Debian, for hosts that cannot make one; null when it is to be made.</summary>
    public string? DebianArchive { get; private init; }

    /// <summary>The text for whoever asked for something else.</summary>
    public static string Usage =>
        $"usage: Versus [{string.Join('|', Known)}]... [--quick] [--rounds N] [--each N] [--debian ARCHIVE]";

    /// <summary>Reads the command line; null when it is not understood.</summary>
    public static Settings? Parse(string[] arguments)
    {
        var settings = new Settings();
        var parts = new List<string>();
        for (var i = 0; i < arguments.Length; i++)
        {
            switch (arguments[i])
            {
                case "--quick":
                    settings = settings with { Quick = true, Rounds = 2, Each = 2 };
                    break;
                case "--rounds" when i + 1 < arguments.Length && int.TryParse(arguments[i + 1], out var n) && n > 0:
                    settings = settings with { Rounds = n };
                    i++;
                    break;
                case "--each" when i + 1 < arguments.Length && int.TryParse(arguments[i + 1], out var n) && n > 0:
                    settings = settings with { Each = n };
                    i++;
                    break;
                case "--debian" when i + 1 < arguments.Length:
                    settings = settings with { DebianArchive = Path.GetFullPath(arguments[++i]) };
                    break;
                case var part when Known.Contains(part):
                    parts.Add(part);
                    break;
                default:
                    return null;
            }
        }

        return parts.Count == 0 ? settings : settings with { Parts = parts };
    }
}
